import { isRecord, type Manifest, type PodTemplate } from './kubernetes.ts';

/** Where the kinds that make pods keep the template of these. */
const templatePaths: Readonly<Record<string, readonly string[]>> = {
  'v1/Pod': [],
  'v1/ReplicationController': ['spec', 'template'],
  'apps/Deployment': ['spec', 'template'],
  'apps/ReplicaSet': ['spec', 'template'],
  'apps/StatefulSet': ['spec', 'template'],
  'apps/DaemonSet': ['spec', 'template'],
  'batch/Job': ['spec', 'template'],
  'batch/CronJob': ['spec', 'jobTemplate', 'spec', 'template'],
};

/** Path of the pod template in an object; undefined when the kind makes no pods. Any version of a group counts. */
export function templatePath(object: Manifest): readonly string[] | undefined {
  const [group, version] = (object.apiVersion ?? '').split('/');
  return templatePaths[`${version === undefined ? 'v1' : group}/${object.kind ?? ''}`];
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
  return `${(object.kind ?? 'object').toLowerCase()}/${object.metadata?.name ?? object.metadata?.generateName ?? ''}`;
}

export const isList = (object: Manifest): object is Manifest & { items: Manifest[] } =>
  (object.kind ?? '').endsWith('List') && Array.isArray(object.items);
