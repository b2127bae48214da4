import type { Metadata } from '../../lib/inject/index.ts';
import type { KubernetesApi } from '../kubernetes/api.ts';
import { getIfThere } from '../kubernetes/shared-object.ts';
import type { ObjectSource } from '../sources/object-source.ts';
import { Unavailable } from '../webhook/webhook-server.ts';

/** The metadata of namespaces, whose annotations their pods inherit. */
export class Namespaces {
  private readonly known = new Map<string, Metadata>();
  private readonly api: Pick<KubernetesApi, 'get'>;
  private readonly unwatch: () => void;

  constructor(source: Pick<ObjectSource, 'watch'>, api: Pick<KubernetesApi, 'get'>) {
    this.api = api;
    this.unwatch = source.watch('Namespace', ({ type, object }) => {
      const { name, labels, annotations } = object.metadata;
      if (type === 'deleted') this.known.delete(name);
      else this.known.set(name, { name, labels: { ...labels }, annotations: { ...annotations } });
    });
  }

  /**
   * From the watch; a namespace that it has not told of yet, since it is new, is asked for. Rejects with Unavailable when
   * that cannot be done: a pod must not go without its sidecar for it.
   */
  async get(name: string): Promise<Metadata> {
    const known = this.known.get(name);
    if (known !== undefined) return known;
    try {
      const path = `/api/v1/namespaces/${encodeURIComponent(name)}`;
      const found = await getIfThere<{ metadata: Metadata }>(this.api, path);
      return found?.metadata ?? { name };
    } catch (error) {
      throw new Unavailable(`namespace ${name} cannot be read: ${(error as Error).message}`);
    }
  }

  close(): void {
    this.unwatch();
  }
}
