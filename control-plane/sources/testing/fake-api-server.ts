import { PassThrough } from 'node:stream';
import type { KubernetesObject } from '../../../lib/kinds/kubernetes-object.ts';
import { ApiError } from '../../kubernetes/api.ts';
import type { Answer } from '../../kubernetes/connections.ts';
import { kindInfo } from '../kinds.ts';
import type { KubernetesSourceOptions } from '../kubernetes-source.ts';

/** What a path asks for: the objects of a collection, or one Namespace. */
interface Asked {
  readonly group: string;
  readonly plural: string;
  readonly namespace: string | undefined;
}

interface Change {
  readonly type: string;
  readonly object: KubernetesObject;
}

/** An API server that lists and watches what it is given, and refuses what it is told to refuse. */
export class FakeApiServer {
  /** Each path that was asked for, once. */
  readonly asked = new Set<string>();
  /** Namespaces of which nothing may be read; `` for what is asked of the whole cluster. */
  readonly refused = new Set<string>();
  private readonly objects = new Map<string, KubernetesObject>();
  /** One for each version, from the second on. */
  private readonly changes: Change[] = [];
  private readonly watches = new Map<PassThrough, Asked>();

  constructor(objects: readonly object[] = []) {
    for (const object of objects as KubernetesObject[]) this.objects.set(keyOf(object), object);
  }

  /** Makes an object, or changes it. */
  put(object: object): void {
    const stored = object as KubernetesObject;
    const type = this.objects.has(keyOf(stored)) ? 'MODIFIED' : 'ADDED';
    this.objects.set(keyOf(stored), stored);
    this.tell(type, stored);
  }

  remove(object: object): void {
    this.objects.delete(keyOf(object as KubernetesObject));
    this.tell('DELETED', object as KubernetesObject);
  }

  /** Removes an object without an event, and has every watch end because its history is forgotten. */
  lose(object: object): void {
    this.objects.delete(keyOf(object as KubernetesObject));
    const status = { kind: 'Status', code: 410, reason: 'Expired', message: 'forgotten' };
    for (const watch of this.watches.keys()) watch.end(`${JSON.stringify({ type: 'ERROR', object: status })}\n`);
    this.watches.clear();
  }

  readonly client: KubernetesSourceOptions['client'] = {
    get: async <T>(path: string): Promise<T> => {
      const asked = this.allow(path);
      if (asked.plural !== '') {
        const items = [...this.objects.values()].filter((object) => isAsked(object, asked));
        return { metadata: { resourceVersion: this.version }, items } as T;
      }
      const found = this.objects.get(`/Namespace undefined/${asked.namespace}`);
      if (found === undefined) throw new ApiError(404, 'NotFound', `GET ${path}: not found`);
      return found as T;
    },
    stream: async (path, { resourceVersion }, signal) => {
      const asked = this.allow(path);
      const watch = new PassThrough();
      for (const change of this.changes.slice(Number(resourceVersion) - 1)) write(watch, change, asked);
      this.watches.set(watch, asked);
      signal.addEventListener('abort', () => watch.destroy());
      return Object.assign(watch, { statusCode: 200, headers: {} }) satisfies Answer;
    },
    close: () => {},
  };

  private get version(): string {
    return String(this.changes.length + 1);
  }

  private allow(path: string): Asked {
    this.asked.add(path);
    const asked = parse(path);
    if (this.refused.has(asked.namespace ?? '')) throw new ApiError(403, 'Forbidden', `GET ${path}: forbidden`);
    return asked;
  }

  private tell(type: string, object: KubernetesObject): void {
    const metadata = { ...object.metadata, resourceVersion: String(this.changes.length + 2) };
    const change = { type, object: { ...object, metadata } };
    this.changes.push(change);
    for (const [watch, asked] of this.watches) write(watch, change, asked);
  }
}

function parse(path: string): Asked {
  const match = /^\/api(?:s\/([^/]+))?\/[^/]+(?:\/namespaces\/([^/]+))?(?:\/([^/]+))?$/.exec(path);
  if (match === null) throw new Error(`the fake API server does not know ${path}`);
  const [, group = '', namespace, plural = ''] = match;
  return { group, namespace, plural };
}

function isAsked(object: KubernetesObject, { group, plural, namespace }: Asked): boolean {
  const info = Object.values(kindInfo).find((one) => `${one.group}/${one.kind}` === typeOf(object));
  if (info?.plural !== plural || info.group !== group) return false;
  return namespace === undefined || object.metadata.namespace === namespace;
}

function write(watch: PassThrough, change: Change, asked: Asked): void {
  if (isAsked(change.object, asked)) watch.write(`${JSON.stringify(change)}\n`);
}

const keyOf = (object: KubernetesObject): string =>
  `${typeOf(object)} ${object.metadata.namespace}/${object.metadata.name}`;

function typeOf({ apiVersion, kind }: KubernetesObject): string {
  const [group, version] = apiVersion.split('/');
  return `${version === undefined ? '' : group}/${kind}`;
}
