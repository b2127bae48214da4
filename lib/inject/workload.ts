import { isRecord, type Manifest, type PodTemplate } from './kubernetes.ts';

/** Where the kinds that make pods keep the template of these. */
const templatePaths: Readonly<Record<string, readonly string[]>> = {
  'v1/Pod': [],
  'v1/PodTemplate': ['template'],
  'v1/ReplicationController': ['spec', 'template'],
  'apps/Deployment': ['spec', 'template'],
  'apps/ReplicaSet': ['spec', 'template'],
  'apps/StatefulSet': ['spec', 'template'],
  'apps/DaemonSet': ['spec', 'template'],
  'batch/Job': ['spec', 'template'],
  'batch/CronJob': ['spec', 'jobTemplate', 'spec', 'template'],
};

/** OpenKruise's cron job makes Jobs or BroadcastJobs, and has the template of the one that it makes. */
function advancedCronJobPath({ spec }: Manifest): readonly string[] {
  const template = isRecord(spec?.template) ? spec.template : {};
  return [
    'spec',
    'template',
    'broadcastJobTemplate' in template ? 'broadcastJobTemplate' : 'jobTemplate',
    'spec',
    'template',
  ];
}

/**
 * Path of the pod template in an object; undefined when it makes no pods. Any version of a group counts. A kind of
 * somebody else (Rollout, CloneSet, DeploymentConfig) has it where most do, if what stands there has containers.
 */
export function templatePath(object: Manifest): readonly string[] | undefined {
  const { group, kind } = kindOf(object);
  if (group === 'apps.kruise.io' && kind === 'AdvancedCronJob') return advancedCronJobPath(object);
  const known = templatePaths[`${group}/${kind}`];
  if (known !== undefined || group === 'v1' || kind === '') return known;
  return hasContainers(object.spec?.template) ? ['spec', 'template'] : undefined;
}

/** Knative gives pods their containers itself, and refuses revisions with init containers or volumes of other kinds. */
export const takesNoSidecar = (object: Manifest): boolean => kindOf(object).group === 'serving.knative.dev';

/** Where an object that is of no known kind has pods all the same: `spec.workers[0].template`. */
export function podsElsewhere(object: Manifest): string | undefined {
  return isRecord(object.spec) && kindOf(object).group !== 'apiextensions.k8s.io'
    ? find(object.spec, 'spec', 0)
    : undefined;
}

/** The workload whose pods an object makes, where it only names that: `Deployment web` of a Rollout's `spec.workloadRef`. */
export function workloadNamedBy({ spec }: Manifest): string | undefined {
  const ref = isRecord(spec?.workloadRef) ? spec.workloadRef : {};
  return typeof ref.kind === 'string' && typeof ref.name === 'string' ? `${ref.kind} ${ref.name}` : undefined;
}

/** Pods of an object stand near its top. */
const maxDepth = 6;

function find(value: unknown, path: string, depth: number): string | undefined {
  if (hasContainers(value)) return path;
  if (depth === maxDepth) return undefined;
  const parts: [string, unknown][] = Array.isArray(value)
    ? value.map((one, index): [string, unknown] => [`${path}[${index}]`, one])
    : isRecord(value)
      ? Object.entries(value).map(([key, one]): [string, unknown] => [`${path}.${key}`, one])
      : [];
  for (const [at, part] of parts) {
    const found = find(part, at, depth + 1);
    if (found !== undefined) return found;
  }
  return undefined;
}

function hasContainers(template: unknown): boolean {
  const spec = isRecord(template) && isRecord(template.spec) ? template.spec : undefined;
  const containers = Array.isArray(spec?.containers) ? spec.containers : [];
  return containers.length > 0 && containers.every((one) => isRecord(one) && typeof one.image === 'string');
}

function kindOf({ apiVersion, kind }: Manifest): { readonly group: string; readonly kind: string } {
  const [group, version] = typeof apiVersion === 'string' ? apiVersion.split('/') : [''];
  return { group: version === undefined ? 'v1' : group, kind: typeof kind === 'string' ? kind : '' };
}

/** The template itself; undefined when the object has none, or something else in its place. */
export function templateAt(object: Manifest, path: readonly string[]): PodTemplate | undefined {
  let place: unknown = object;
  for (const key of path) place = isRecord(place) ? place[key] : undefined;
  return isRecord(place) && isRecord(place.spec) ? (place as PodTemplate) : undefined;
}

/** A copy of the object with another template; all that lies on the path is copied, the rest shared. */
export function withTemplate(object: Manifest, path: readonly string[], template: PodTemplate): Manifest {
  const replace = (place: Record<string, unknown>, [key, ...rest]: readonly string[]): Record<string, unknown> =>
    key === undefined ? { ...template } : { ...place, [key]: replace(place[key] as Record<string, unknown>, rest) };
  return replace(object, path) as Manifest;
}

/** `deployment/web` */
export function manifestName(object: Manifest): string {
  const { name, generateName } = object.metadata ?? {};
  return `${(kindOf(object).kind || 'object').toLowerCase()}/${name ?? generateName ?? ''}`;
}

/**
 * An item of a List as the object that it is: those of lists of one kind (`DeploymentList`) need not say theirs, as for kubectl.
 * Undefined for what is no object.
 */
export function itemOf({ apiVersion, kind }: Manifest, item: unknown): Manifest | undefined {
  if (!isRecord(item)) return undefined;
  const says = (field: 'apiVersion' | 'kind'): boolean => typeof item[field] === 'string' && item[field] !== '';
  if (says('apiVersion') && says('kind')) return item as Manifest;
  if (kind === 'List' || item.apiVersion !== undefined || item.kind !== undefined) return undefined;
  return { ...item, apiVersion, kind: kind?.slice(0, -'List'.length) } as Manifest;
}

export const isList = (object: Manifest): object is Manifest & { items: Manifest[] } =>
  kindOf(object).kind.endsWith('List') && Array.isArray(object.items);
