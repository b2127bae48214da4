import { type Container, isRecord, type Manifest, type PodTemplate } from './kubernetes.ts';
import { runningContainers } from './ports.ts';
import { manifestName } from './workload.ts';

/** What LimitRanges give the containers of their namespace that say nothing: names of resources. */
export interface ContainerDefaults {
  readonly requests: ReadonlySet<string>;
  readonly limits: ReadonlySet<string>;
}

/** Containers of a pod that lack what somebody needs of each. */
export interface ResourceGap {
  /** `requests.cpu` */
  readonly needed: string;
  readonly containers: readonly string[];
}

/**
 * The defaults of a namespace's LimitRanges. As the API server fills them in: a maximum is the default of limits, and
 * that, or else a minimum, the default of requests.
 */
export function containerDefaults(limitRanges: readonly Manifest[]): ContainerDefaults {
  const items = limitRanges
    .flatMap(({ spec }) => (Array.isArray(spec?.limits) ? spec.limits : []))
    .filter((item) => isRecord(item) && item.type === 'Container') as Record<string, unknown>[];
  const named = (...fields: string[]) =>
    new Set(items.flatMap((item) => fields.flatMap((field) => Object.keys(isRecord(item[field]) ? item[field] : {}))));
  return { limits: named('default', 'max'), requests: named('defaultRequest', 'default', 'max', 'min') };
}

/** Whether an autoscaler scales what this object makes. */
export function scales(autoscaler: Manifest, object: Manifest): boolean {
  const ref = autoscaler.spec?.scaleTargetRef;
  if (!isRecord(ref)) return false;
  const [group, version] = String(ref.apiVersion ?? '').split('/');
  const sameGroup = version === undefined || group === object.apiVersion?.split('/')[0];
  return sameGroup && `${String(ref.kind).toLowerCase()}/${ref.name}` === manifestName(object);
}

/**
 * What a HorizontalPodAutoscaler that aims at a share of what pods ask for does not find: it scales nothing then, however
 * the load is. Native sidecars count too (kubernetes/kubernetes#120001).
 */
export function utilizationGaps(autoscaler: Manifest, pod: PodTemplate, defaults: ContainerDefaults): ResourceGap[] {
  const running = runningContainers(pod.spec ?? {});
  return metricsOf(autoscaler).flatMap(({ resource, container }) => {
    const counted = container === undefined ? running : running.filter(({ name }) => name === container);
    return gap('requests', resource, counted, pod, defaults);
  });
}

/** The resources that it measures by their share, each of all containers or of one. */
function metricsOf({ spec }: Manifest): { readonly resource: string; readonly container?: string }[] {
  const metrics = Array.isArray(spec?.metrics) ? spec.metrics.filter(isRecord) : [];
  // autoscaling/v1 knows no other metric, and the API server fills in this one for who names none.
  if (metrics.length === 0) return [{ resource: 'cpu' }];
  return metrics.flatMap(({ resource, containerResource }) => {
    const found = [resource, containerResource].find(isRecord);
    const target = isRecord(found?.target) ? found.target : {};
    if (found === undefined || target.type !== 'Utilization') return [];
    return [
      { resource: String(found.name), container: found.container === undefined ? undefined : String(found.container) },
    ];
  });
}

/** What a quota has every container name. Quotas on anything else count, and demand nothing. */
const demands: Readonly<Record<string, readonly ['requests' | 'limits', string]>> = {
  cpu: ['requests', 'cpu'],
  memory: ['requests', 'memory'],
  'requests.cpu': ['requests', 'cpu'],
  'requests.memory': ['requests', 'memory'],
  'limits.cpu': ['limits', 'cpu'],
  'limits.memory': ['limits', 'memory'],
};

/** What a ResourceQuota refuses the pod for: init containers must name as much as the others. */
export function quotaGaps(quota: Manifest, pod: PodTemplate, defaults: ContainerDefaults): ResourceGap[] {
  const { hard, scopes, scopeSelector } = quota.spec ?? {};
  if (!isRecord(hard) || scopeSelector !== undefined || !inScopes(pod, scopes)) return [];
  const all = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])];
  return Object.keys(hard).flatMap((name) => {
    const [kind, resource] = demands[name] ?? [];
    return kind === undefined ? [] : gap(kind, resource!, all, pod, defaults);
  });
}

/** A meshed pod is never BestEffort: its sidecar asks for something. */
function inScopes(pod: PodTemplate, scopes: unknown): boolean {
  const ends = pod.spec?.activeDeadlineSeconds !== undefined;
  const holding = ['NotBestEffort', ends ? 'Terminating' : 'NotTerminating'];
  return !Array.isArray(scopes) || scopes.every((scope) => holding.includes(scope));
}

function gap(
  kind: 'requests' | 'limits',
  resource: string,
  containers: readonly Container[],
  pod: PodTemplate,
  defaults: ContainerDefaults,
): ResourceGap[] {
  if (defaults[kind].has(resource) || names(pod.spec ?? {}, kind, resource)) return [];
  const lacking = containers.filter((container) => !names(container, kind, resource)).map(({ name }) => name);
  return lacking.length === 0 ? [] : [{ needed: `${kind}.${resource}`, containers: lacking }];
}

/** A limit is a request too where there is none. */
function names(
  { resources }: Readonly<Record<string, unknown>>,
  kind: 'requests' | 'limits',
  resource: string,
): boolean {
  const given = isRecord(resources) ? resources : {};
  const fields = kind === 'limits' ? ['limits'] : ['requests', 'limits'];
  return fields.some((field) => isRecord(given[field]) && given[field][resource] != null);
}
