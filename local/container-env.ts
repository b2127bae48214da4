import type { EnvVar } from '../lib/inject/index.ts';
import type { LocalProblem } from './problem.ts';

/** What the downward API and references can say of a pod and its surroundings. */
export interface EnvFacts {
  /** `namespace/name` to data, for both kinds. */
  readonly configMaps: ReadonlyMap<string, Readonly<Record<string, string>>>;
  readonly secrets: ReadonlyMap<string, Readonly<Record<string, string>>>;
  readonly pod: {
    readonly name: string;
    readonly namespace: string;
    readonly uid: string;
    readonly ip: string;
    readonly nodeName: string;
    readonly serviceAccountName: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
  };
}

interface KeyRef {
  name?: string;
  key?: string;
  optional?: boolean;
}

/**
 * Resolves the environment of a container as the kubelet does: values with `$(NAME)` from entries above, fields of the
 * pod, keys of ConfigMaps and Secrets. An entry that cannot be resolved is left out and told.
 */
export function resolveEnv(
  env: readonly EnvVar[],
  facts: EnvFacts,
  place: { readonly object: string; readonly field: string },
  problems: LocalProblem[],
): Record<string, string> {
  const resolved: Record<string, string> = {};
  for (const { name, value, valueFrom } of env) {
    const problem = (message: string): void => {
      problems.push({ object: place.object, field: `${place.field}.env[${name}]`, message });
    };
    const found = valueFrom === undefined ? expand(value ?? '', resolved) : reference(valueFrom, facts, problem);
    if (found !== undefined) resolved[name] = found;
  }
  return resolved;
}

/** `$(NAME)` is replaced when NAME is known, `$$(NAME)` is `$(NAME)` itself (Kubernetes: dependent environment variables). */
export function expand(text: string, known: Readonly<Record<string, string>>): string {
  return text.replace(/\$\$|\$\(([A-Za-z_.-][A-Za-z0-9_.-]*)\)/g, (match, name: string | undefined) => {
    if (match === '$$') return '$';
    return name !== undefined && Object.hasOwn(known, name) ? known[name] : match;
  });
}

function reference(
  valueFrom: Record<string, unknown>,
  facts: EnvFacts,
  problem: (message: string) => void,
): string | undefined {
  const { fieldRef, configMapKeyRef, secretKeyRef } = valueFrom as {
    fieldRef?: { fieldPath?: string };
    configMapKeyRef?: KeyRef;
    secretKeyRef?: KeyRef;
  };
  if (fieldRef !== undefined) {
    const found = podField(fieldRef.fieldPath ?? '', facts.pod);
    if (found === undefined) problem(`fieldRef ${fieldRef.fieldPath} is not known in local mode`);
    return found;
  }
  const [kind, ref, objects] =
    configMapKeyRef !== undefined
      ? (['ConfigMap', configMapKeyRef, facts.configMaps] as const)
      : (['Secret', secretKeyRef, facts.secrets] as const);
  if (ref === undefined) {
    problem(`${Object.keys(valueFrom).join(', ')} cannot be resolved in local mode: give a value, or a fieldRef`);
    return undefined;
  }
  const found = own(objects.get(`${facts.pod.namespace}/${ref.name}`), ref.key ?? '');
  if (found === undefined && ref.optional !== true) {
    problem(`${kind} ${ref.name} with the key ${ref.key} is not among the manifests: add it, or make it optional`);
  }
  return found;
}

/** Of what was written, not of what every object has: `constructor` may be a key. */
const own = <T>(map: Readonly<Record<string, T>> | undefined, key: string): T | undefined =>
  map !== undefined && Object.hasOwn(map, key) ? map[key] : undefined;

function podField(path: string, pod: EnvFacts['pod']): string | undefined {
  const keyed = /^metadata\.(labels|annotations)\['([^']+)'\]$/.exec(path);
  if (keyed) return own(pod[keyed[1] as 'labels' | 'annotations'], keyed[2]) ?? '';
  const fields: Record<string, string> = {
    'metadata.name': pod.name,
    'metadata.namespace': pod.namespace,
    'metadata.uid': pod.uid,
    'spec.nodeName': pod.nodeName,
    'spec.serviceAccountName': pod.serviceAccountName,
    'status.hostIP': '127.0.0.1',
    'status.podIP': pod.ip,
    'status.podIPs': pod.ip,
  };
  return own(fields, path);
}
