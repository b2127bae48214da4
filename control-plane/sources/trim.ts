import { type Kind, type Kinds, kindInfo } from './kinds.ts';
import { type KubernetesObject, type ObjectMeta, proxyVariables } from './kubernetes-object.ts';

/**
 * - `any`: the value as it is. Custom kinds: their validators know more of them.
 * - `text`, `number`, `flag`: of that type; `port`: a number, or a name.
 * - `shared`: a text that many objects have, which is kept once in memory.
 * - `texts`: a list of texts. `labels`, `annotations`: a map of texts, of which labels are shared.
 * - `[fields]`: a list of them. A function: what it gives.
 */
type Leaf =
  | 'any'
  | 'text'
  | 'number'
  | 'flag'
  | 'port'
  | 'shared'
  | 'texts'
  | 'labels'
  | 'annotations'
  | ((value: unknown) => unknown);
type FieldsOf<T> = T extends readonly (infer Item)[]
  ? Leaf | readonly [FieldsOf<Item>]
  : T extends object
    ? Leaf | { readonly [Field in keyof T]-?: FieldsOf<NonNullable<T[Field]>> }
    : Leaf;
type Fields = Leaf | readonly [Fields] | { readonly [field: string]: Fields };

const meta: FieldsOf<Omit<ObjectMeta, 'resourceVersion'>> = {
  name: 'text',
  namespace: 'shared',
  uid: 'text',
  creationTimestamp: 'text',
  labels: 'labels',
  annotations: 'annotations',
  ownerReferences: [{ kind: 'shared', name: 'shared', controller: 'flag' }],
};
/** Who writes a status must say which version of the object it was made for. */
const versioned: ReadonlySet<Kind> = new Set(['PolicyHTTPRoute', 'HTTPRoute', 'GRPCRoute']);
const probe = { httpGet: { path: 'shared', port: 'port' } } as const;
const container = {
  name: 'shared',
  ports: [{ name: 'shared', containerPort: 'number', hostPort: 'number', protocol: 'shared' }],
  env: proxySettings,
  livenessProbe: probe,
  readinessProbe: probe,
  startupProbe: probe,
} as const;
const custom = { spec: 'any' } as const;
const route = { spec: 'any', status: 'any' } as const;

/** What is kept of each kind besides its metadata. The compiler refuses a field of a type that is not named here. */
const fields: { readonly [K in Kind]: FieldsOf<Omit<Kinds[K], keyof KubernetesObject>> } = {
  Namespace: {},
  Node: { spec: { podCIDRs: 'texts' }, status: { addresses: [{ type: 'shared', address: 'text' }] } },
  Service: {
    spec: {
      type: 'shared',
      clusterIP: 'text',
      clusterIPs: 'texts',
      internalTrafficPolicy: 'shared',
      selector: 'labels',
      ports: [{ name: 'shared', port: 'number', protocol: 'shared', targetPort: 'port', appProtocol: 'shared' }],
    },
  },
  EndpointSlice: {
    addressType: 'shared',
    endpoints: [
      {
        addresses: 'texts',
        conditions: { ready: 'flag' },
        hostname: 'text',
        zone: 'shared',
        nodeName: 'shared',
        hints: { forZones: [{ name: 'shared' }] },
        targetRef: { kind: 'shared', name: 'text', namespace: 'shared' },
      },
    ],
    ports: [{ name: 'shared', port: 'number', protocol: 'shared' }],
  },
  Pod: {
    spec: {
      serviceAccountName: 'shared',
      nodeName: 'shared',
      hostNetwork: 'flag',
      containers: [container],
      initContainers: [container],
    },
    status: {
      phase: 'shared',
      podIP: 'text',
      podIPs: [{ ip: 'text' }],
      hostIP: 'shared',
      hostIPs: [{ ip: 'shared' }],
      conditions: [{ type: 'shared', status: 'shared' }],
    },
  },
  ServiceProfile: custom,
  Server: custom,
  ServerAuthorization: custom,
  AuthorizationPolicy: custom,
  MeshTLSAuthentication: custom,
  NetworkAuthentication: custom,
  PolicyHTTPRoute: route,
  HTTPRoute: route,
  GRPCRoute: route,
};

/** An object that is not as its kind says: the message names the field. */
export class MalformedObject extends Error {}

/** The whole manifest once more, as a text, which kubectl leaves on each object. */
const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration';

/**
 * What the control plane reads of an object, as new objects: the rest of it is not held in memory. Throws a
 * MalformedObject. `apiVersion` is given because objects in lists do not say theirs.
 */
export function trim<K extends Kind>(kind: K, apiVersion: string, object: unknown): Kinds[K] {
  const { metadata } = checkMetadata(kind, object);
  const { annotations } = metadata;
  const kept = pick(metadata, meta, 'metadata') as { annotations?: Record<string, string>; resourceVersion?: string };
  if (versioned.has(kind) && typeof metadata.resourceVersion === 'string')
    kept.resourceVersion = metadata.resourceVersion;
  if (annotations !== undefined && annotations !== null && lastApplied in annotations) {
    const { [lastApplied]: _, ...others } = annotations;
    kept.annotations = others;
  }
  const rest = pick(object, fields[kind], '') as object;
  return { apiVersion, kind: kindInfo[kind].kind, metadata: kept, ...rest } as unknown as Kinds[K];
}

/** The parts without which an object cannot be told from others. */
export function checkMetadata(kind: Kind, object: unknown): KubernetesObject {
  const metadata = isRecord(object) ? object['metadata'] : undefined;
  if (!isRecord(metadata)) throw new MalformedObject('metadata must be an object');
  const { name, namespace } = metadata;
  if (typeof name !== 'string' || name === '')
    throw new MalformedObject(`metadata.name (${text(name)}) must be a name`);
  if (kindInfo[kind].namespaced && (typeof namespace !== 'string' || namespace === ''))
    throw new MalformedObject(`metadata.namespace (${text(namespace)}) must be a name`);
  return object as KubernetesObject;
}

function pick(value: unknown, wanted: Fields, path: string): unknown {
  if (value === undefined || value === null) return undefined;
  if (typeof wanted === 'function') return wanted(value);
  if (typeof wanted === 'string') return leaf(value, wanted, path);
  if (isList(wanted)) {
    if (!Array.isArray(value)) throw new MalformedObject(`${path} (${text(value)}) must be a list`);
    return value.map((item, index) => {
      // What is absent in a list is somewhere else in it than it seems.
      if (item === null) throw new MalformedObject(`${path}[${index}] (null) must be an object`);
      return pick(item, wanted[0], `${path}[${index}]`);
    });
  }
  if (!isRecord(value)) throw new MalformedObject(`${path} (${text(value)}) must be an object`);
  const kept: Record<string, unknown> = {};
  for (const name in wanted) {
    const field = pick(value[name], wanted[name], path === '' ? name : `${path}.${name}`);
    if (field !== undefined) kept[name] = field;
  }
  return kept;
}

const isList = (wanted: Fields): wanted is readonly [Fields] => Array.isArray(wanted);

function leaf(value: unknown, wanted: Exclude<Leaf, (value: unknown) => unknown>, path: string): unknown {
  const must = (holds: boolean, what: string): void => {
    if (!holds) throw new MalformedObject(`${path} (${text(value)}) must be ${what}`);
  };
  switch (wanted) {
    case 'any':
      return value;
    case 'text':
      must(typeof value === 'string', 'a text');
      return value;
    case 'shared':
      must(typeof value === 'string', 'a text');
      return share(value as string);
    case 'number':
      must(typeof value === 'number', 'a number');
      return value;
    case 'flag':
      must(typeof value === 'boolean', 'true or false');
      return value;
    case 'port':
      must(typeof value === 'number' || typeof value === 'string', 'a number or a name');
      return value;
    case 'texts':
      must(Array.isArray(value) && value.every((item) => typeof item === 'string'), 'a list of texts');
      return value;
    default:
      must(isRecord(value) && Object.values(value).every((item) => typeof item === 'string'), 'a map of texts');
      return wanted === 'labels' ? shareAll(value as Record<string, string>) : value;
  }
}

/** Of a container's environment only what is read of a proxy; an application's may be large, and secret. */
function proxySettings(env: unknown): unknown {
  if (!Array.isArray(env)) return undefined;
  const settings = env
    .filter((variable) => isRecord(variable) && (proxyVariables as readonly unknown[]).includes(variable['name']))
    .filter(({ value }) => typeof value === 'string')
    .map(({ name, value }) => ({ name: share(name), value: share(value) }));
  return settings.length === 0 ? undefined : settings;
}

const maxShared = 20_000;
const shared = new Map<string, string>();

function share(value: string): string {
  const known = shared.get(value);
  if (known !== undefined) return known;
  // Texts that turn out not to be shared must not pile up here.
  if (shared.size >= maxShared) shared.clear();
  shared.set(value, value);
  return value;
}

function shareAll(values: Readonly<Record<string, string>>): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const name in values) kept[name] = share(values[name]);
  return kept;
}

const text = (value: unknown): string => JSON.stringify(value)?.slice(0, 100) ?? 'absent';

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
