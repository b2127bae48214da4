import { type Kind, type Kinds, kindInfo } from './kinds.ts';
import type { KubernetesObject, ObjectMeta } from './kubernetes-object.ts';

/** `keep`: the value as it is. `share`: texts that many objects have are kept once in memory. A function: what it gives. */
type Leaf = 'keep' | 'share' | ((value: unknown) => unknown);
type FieldsOf<T> = T extends readonly (infer Item)[]
  ? FieldsOf<Item>
  : T extends object
    ? Leaf | { readonly [Field in keyof T]-?: FieldsOf<NonNullable<T[Field]>> }
    : Leaf;
type Fields = Leaf | { readonly [field: string]: Fields };

const meta: FieldsOf<ObjectMeta> = {
  name: 'keep',
  namespace: 'share',
  uid: 'keep',
  creationTimestamp: 'keep',
  labels: 'share',
  annotations: 'keep',
  ownerReferences: { kind: 'share', name: 'share', controller: 'keep' },
};
const probe = { httpGet: { path: 'share', port: 'keep' } } as const;
const container = {
  name: 'share',
  ports: { name: 'share', containerPort: 'keep', hostPort: 'keep', protocol: 'share' },
  env: proxySettings,
  livenessProbe: probe,
  readinessProbe: probe,
  startupProbe: probe,
} as const;
const custom = { spec: 'keep' } as const;
const route = { spec: 'keep', status: 'keep' } as const;

/** What is kept of each kind besides its metadata. The compiler refuses a field of a type that is not named here. */
const fields: { readonly [K in Kind]: FieldsOf<Omit<Kinds[K], keyof KubernetesObject>> } = {
  Namespace: {},
  Node: { spec: { podCIDRs: 'keep' }, status: { addresses: { type: 'share', address: 'keep' } } },
  Service: {
    spec: {
      type: 'share',
      clusterIP: 'keep',
      clusterIPs: 'keep',
      internalTrafficPolicy: 'share',
      ports: { name: 'share', port: 'keep', protocol: 'share', targetPort: 'keep', appProtocol: 'share' },
    },
  },
  EndpointSlice: {
    addressType: 'share',
    endpoints: {
      addresses: 'keep',
      conditions: { ready: 'keep' },
      hostname: 'keep',
      zone: 'share',
      nodeName: 'share',
      hints: 'keep',
      targetRef: { kind: 'share', name: 'keep', namespace: 'share' },
    },
    ports: { name: 'share', port: 'keep', protocol: 'share' },
  },
  Pod: {
    spec: {
      serviceAccountName: 'share',
      nodeName: 'share',
      hostNetwork: 'keep',
      containers: container,
      initContainers: container,
    },
    status: {
      phase: 'share',
      podIP: 'keep',
      podIPs: 'keep',
      hostIP: 'share',
      hostIPs: { ip: 'share' },
      conditions: { type: 'share', status: 'share' },
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
  const kept = pick(metadata, meta, 'metadata') as { annotations?: Record<string, string> };
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
  if (wanted === 'keep') return value;
  if (wanted === 'share') return share(value);
  if (typeof wanted === 'function') return wanted(value);
  if (Array.isArray(value)) return value.map((item, index) => pick(item, wanted, `${path}[${index}]`));
  if (!isRecord(value)) throw new MalformedObject(`${path} (${text(value)}) must be an object`);
  const kept: Record<string, unknown> = {};
  for (const name in wanted) {
    const field = pick(value[name], wanted[name], path === '' ? name : `${path}.${name}`);
    if (field !== undefined) kept[name] = field;
  }
  return kept;
}

/** Of a container's environment only what configures a proxy is read; an application's may be large, and secret. */
function proxySettings(env: unknown): unknown {
  if (!Array.isArray(env)) return undefined;
  const settings = env
    .filter((variable) => isRecord(variable) && String(variable['name']).startsWith('LINKERD2_PROXY_'))
    .map(({ name, value }) => ({ name: share(name), value: share(value) }));
  return settings.length === 0 ? undefined : settings;
}

const maxShared = 20_000;
const shared = new Map<string, string>();

function share(value: unknown): unknown {
  if (typeof value === 'string') {
    const known = shared.get(value);
    if (known !== undefined) return known;
    // Texts that turn out not to be shared must not pile up here.
    if (shared.size >= maxShared) shared.clear();
    shared.set(value, value);
    return value;
  }
  if (!isRecord(value)) return value;
  const kept: Record<string, unknown> = {};
  for (const name in value) kept[name] = share(value[name]);
  return kept;
}

const text = (value: unknown): string => JSON.stringify(value)?.slice(0, 100) ?? 'absent';

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
