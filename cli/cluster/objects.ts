import type { V1ListMeta } from '@kubernetes/client-node';
import { ApiError, type KubernetesApi } from '../../control-plane/kubernetes/api.ts';
import type { InJson } from '../../control-plane/kubernetes/in-json.ts';
import type { KubernetesObject } from '../../lib/kinds/kubernetes-object.ts';

interface List<T> {
  readonly items?: readonly T[];
  readonly metadata?: InJson<V1ListMeta>;
}

const pageSize = '500';
/** No cluster has that many objects of a kind; a server that always goes on must not keep us for ever. */
const maxPages = 1000;

/** All objects of a collection, page by page; of each what `keep` gives, by default all of it. Rejects with an ApiError. */
export async function listAll<T = KubernetesObject>(
  api: Pick<KubernetesApi, 'get'>,
  path: string,
  query: Readonly<Record<string, string>> = {},
  keep: (object: T) => T = (object) => object,
): Promise<T[]> {
  const found: T[] = [];
  let next = '';
  for (let page = 0; page < maxPages; page++) {
    const list = await api.get<List<T>>(path, { limit: pageSize, ...query, ...(next && { continue: next }) });
    for (const object of itemsOf(list, path)) found.push(keep(object as T));
    next = list.metadata?.continue ?? '';
    if (next === '') return found;
  }
  throw new Error(`${path}: more than ${maxPages} pages of ${pageSize}`);
}

/** Each has a name, or the answer comes from something that is no API server. */
function itemsOf({ items = [] }: List<unknown>, path: string): readonly unknown[] {
  const isNamed = (item: unknown): boolean =>
    typeof (item as Partial<KubernetesObject> | null)?.metadata?.name === 'string';
  if (Array.isArray(items) && items.every(isNamed)) return items;
  throw new ApiError(200, '', `GET ${path}: the answer is no list of objects`);
}

/** The metrics of an admin server in a pod, by the API server's proxy. */
export const podMetricsPath = (namespace: string, pod: string, port: number): string =>
  `/api/v1/namespaces/${namespace}/pods/${pod}:${port}/proxy/metrics`;

/** Does `work` for each item, at most `limit` at a time, and gives the results in the items' order. */
export async function eachBounded<T, R>(
  items: readonly T[],
  limit: number,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const results = new Array<R>(items.length);
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length) {
      const index = next++;
      results[index] = await work(items[index]);
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker));
  return results;
}
