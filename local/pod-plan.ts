import { injectAnnotation, settingPrefixes } from '../lib/contract/annotations.ts';
import { componentLabel } from '../lib/contract/labels.ts';
import { proxyContainerName } from '../lib/contract/names.ts';
import {
  decide,
  formatReport,
  type InjectConfig,
  injectManifest,
  type Manifest,
  type Metadata,
  type PodTemplate,
  uninjectManifest,
} from '../lib/inject/index.ts';
import { isRecord } from '../lib/inject/kubernetes.ts';
import { soundPod } from '../lib/inject/shape.ts';
import { misshapeOfPod } from '../lib/kinds/pod.ts';
import { objectName } from './manifest-folder.ts';
import type { LocalProblem } from './problem.ts';

/** A pod that is to run. */
export interface PodPlan {
  readonly name: string;
  readonly namespace: string;
  readonly ip: string;
  /** `emojivoto/deployment/web`: what problems of the pod are told of. */
  readonly object: string;
  readonly owner: { readonly kind: string; readonly name: string };
  /** With the sidecar in explicit mode, if the pod is meshed. */
  readonly template: PodTemplate;
  readonly meshed: boolean;
}

const runningKinds = new Set(['Deployment', 'StatefulSet', 'ReplicaSet', 'DaemonSet', 'Pod']);
const endingKinds = new Set(['Job', 'CronJob', 'ReplicationController']);

/**
 * The pods that the workloads among `objects` make. Each meshed one gets its sidecar in explicit mode, whichever way it
 * asked for it: there is nothing here that could intercept. `takeIp` throws when there is no address left.
 */
export function planPods(
  objects: readonly Manifest[],
  config: InjectConfig,
  takeIp: () => string,
  problems: LocalProblem[],
): PodPlan[] {
  const namespaces = new Map(
    objects
      .filter(({ kind }) => kind === 'Namespace')
      .map(({ metadata }) => [metadata?.name ?? '', metadata ?? {}] as const),
  );
  const plans: PodPlan[] = [];
  for (const object of objects) {
    const kind = object.kind ?? '';
    if (endingKinds.has(kind)) {
      const message = `is not run in local mode, which runs ${[...runningKinds].join(', ')}`;
      problems.push({ object: objectName(object), field: '', message });
    }
    if (!runningKinds.has(kind) || isComponent(object)) continue;
    const read = readTemplate(object);
    if ('problem' in read) {
      problems.push({ object: objectName(object), ...read.problem });
      continue;
    }
    const bare = read.pod;
    const meshed = isMeshed(bare, namespaces.get(object.metadata?.namespace ?? ''), config);
    const template = meshed ? injected(object, bare, namespaces, config, problems) : bare;
    const name = object.metadata?.name ?? '';
    for (let index = 0; index < replicas(object); index++) {
      plans.push({
        name: `${name}-${index}`,
        namespace: object.metadata?.namespace ?? 'default',
        ip: takeIp(),
        object: objectName(object),
        owner: { kind, name },
        template,
        meshed,
      });
    }
  }
  return plans;
}

function isMeshed(template: PodTemplate, namespace: Metadata | undefined, config: InjectConfig): boolean {
  const containers = [...(template.spec?.initContainers ?? []), ...(template.spec?.containers ?? [])];
  return containers.some(({ name }) => name === proxyContainerName) || decide(template, namespace, config).inject;
}

function injected(
  object: Manifest,
  template: PodTemplate,
  namespaces: ReadonlyMap<string, Metadata>,
  config: InjectConfig,
  problems: LocalProblem[],
): PodTemplate {
  const settings = Object.entries(template.metadata?.annotations ?? {}).filter(([key]) =>
    settingPrefixes.some((prefix) => key.startsWith(prefix)),
  );
  const annotations = { ...Object.fromEntries(settings), [injectAnnotation]: 'explicit' };
  const result = injectManifest(uninjectManifest(object).object, config, { namespaces, annotations });
  for (const report of result.reports) {
    for (const { field, message, consequence } of report.problems) {
      problems.push({ object: objectName(object), field, message: `${message}; ${consequence}` });
    }
    if (report.outcome === 'skipped') {
      problems.push({ object: objectName(object), field: '', message: formatReport(report) });
    }
  }
  return templateOf(result.object) ?? template;
}

function templateOf(object: Manifest): PodTemplate | undefined {
  if (object.kind === 'Pod') return object as PodTemplate;
  const template = (object.spec as Manifest['spec'] | null)?.template as PodTemplate | null | undefined;
  return isRecord(template) && isRecord(template.spec) ? (template as PodTemplate) : undefined;
}

type ReadTemplate =
  | { readonly pod: PodTemplate }
  | { readonly problem: { readonly field: string; readonly message: string } };

/** The pods of an object without what is null in them, or why no API server would take them. */
function readTemplate(object: Manifest): ReadTemplate {
  const template = templateOf(object);
  if (template === undefined) return { problem: { field: 'spec.template', message: 'must be the template of a pod' } };
  const within = object.kind === 'Pod' ? '' : 'spec.template.';
  const read = soundPod(template);
  if ('misshape' in read) {
    const { field, expected } = read.misshape;
    return { problem: { field: `${within}${field}`, message: `must be ${expected}` } };
  }
  const misshapen = misshapeOfPod(read.pod);
  if (misshapen === undefined) return read;
  const [field, ...message] = misshapen.split(' ');
  return { problem: { field: `${within}${field}`, message: message.join(' ') } };
}

function replicas(object: Manifest): number {
  const count = object.spec?.replicas;
  if (object.kind === 'Pod' || object.kind === 'DaemonSet') return 1;
  return typeof count === 'number' && Number.isInteger(count) && count >= 0 ? count : 1;
}

/** The install's own components run as local mode's own processes. */
const isComponent = (object: Manifest): boolean =>
  [object.metadata?.labels, templateOf(object)?.metadata?.labels].some((labels) => labels?.[componentLabel]);
