import {
  findAnnotation,
  injectAnnotation,
  linkerdInjectAnnotation,
  settingKeys,
  settingPrefixes,
} from '../contract/annotations.ts';
import type { InjectConfig } from './config.ts';
import { decide, type InjectMode, invalidValue, unfit } from './decision.ts';
import { explicitPortName } from './explicit-ports.ts';
import { fieldPath, injectPod, misshapenReport } from './inject-pod.ts';
import { injectService } from './inject-service.ts';
import { isRecord, type Manifest, type Metadata, type PodTemplate } from './kubernetes.ts';
import { leadToProxy, type Neighbours, portsWithoutService, selectablePod } from './lead-to-proxy.ts';
import { tellOpaquePorts } from './opaque-services.ts';
import { podSecurityProblem } from './pod-security.ts';
import type { InjectProblem, InjectReport } from './report.ts';
import { soundPod } from './shape.ts';
import {
  isList,
  itemOf,
  manifestName,
  podsElsewhere,
  takesNoSidecar,
  templateAt,
  templatePath,
  withTemplate,
  workloadNamedBy,
} from './workload.ts';

export interface ManifestContext {
  /** Metadata of namespaces by name, as far as they are known: their annotations are inherited. */
  readonly namespaces?: ReadonlyMap<string, Metadata>;
  /** Injects this way what does not say otherwise, as `tulle inject --manual` and the constructs do. */
  readonly request?: InjectMode | 'disabled';
  /** Settings for the pods, by annotation key; they win over those of the object. */
  readonly annotations?: Readonly<Record<string, string>>;
  /** Settings of the object win instead. */
  readonly ownWordStands?: boolean;
  /** What stands beside the object (see `neighboursOf`): Services lead to the sidecars of its pods in explicit mode. */
  readonly neighbours?: Neighbours;
}

export interface ManifestResult {
  readonly object: Manifest;
  /** One for each object that was looked at; the items of a List each have theirs. */
  readonly reports: readonly InjectReport[];
}

/**
 * Injects whatever makes pods: Pod, Deployment, ReplicaSet, StatefulSet, DaemonSet, Job, CronJob,
 * ReplicationController, what keeps its pod template where these do (Rollout, CloneSet), and Lists of these. Services get the opaque ports of the mesh, and the target ports of pods in
 * explicit mode. Anything else is passed on.
 */
export function injectManifest(object: Manifest, config: InjectConfig, context: ManifestContext = {}): ManifestResult {
  if (isList(object)) return overItems(object, (item) => injectManifest(item, config, context));
  const namespace = namespaceOf(object, context);
  if (object.apiVersion === 'v1' && object.kind === 'Service') {
    const pods = context.neighbours?.pods ?? [];
    const told = tellOpaquePorts(object, pods);
    const { service: annotated, report } = injectService(told, config, namespace);
    const { service, problems } = leadToProxy(annotated, pods);
    const outcome = service !== annotated ? 'injected' : annotated !== object ? 'annotated' : report.outcome;
    return { object: service, reports: [{ ...report, outcome, problems: [...report.problems, ...problems] }] };
  }
  const result = overTemplate(object, (template, path, sound) => {
    if (takesNoSidecar(object)) {
      const reason = 'Knative takes no sidecar in its manifests: annotate it, and the webhook adds one to its pods';
      return { template, report: skippedReport(object, reason) };
    }
    const isPod = path.length === 0;
    const given = requested(sound, config, context);
    const known = given.metadata?.namespace ?? object.metadata?.namespace;
    const { pod, report } = injectPod(given, config, {
      namespace: namespace ?? (known === undefined ? undefined : { name: known }),
      path: path.join('.'),
      owner: isPod ? undefined : { kind: object.kind ?? '', name: object.metadata?.name ?? '' },
    });
    // A skipped object leaves as it came, without the word that was only asked for.
    return { template: report.outcome === 'injected' ? pod : template, report };
  });
  return withServiceProblems(result, context);
}

/** What each of the objects is to know of the others. Pure: the objects are injected for it, and not changed. */
export function neighboursOf(
  objects: readonly Manifest[],
  config: InjectConfig,
  context: ManifestContext = {},
): Neighbours {
  const all = objects.flatMap((object) => (isList(object) ? object.items.filter(isRecord) : [object])) as Manifest[];
  const alone = { ...context, neighbours: undefined };
  return {
    pods: all.flatMap((object) => selectablePod(injectManifest(object, config, alone).object) ?? []),
    services: all.filter(({ apiVersion, kind }) => apiVersion === 'v1' && kind === 'Service'),
  };
}

/** In explicit mode a Service of another manifest, which cannot be seen here, would lead past the sidecar. */
function withServiceProblems(result: ManifestResult, { neighbours }: ManifestContext): ManifestResult {
  const [report] = result.reports;
  const pod = neighbours && report?.outcome === 'injected' ? selectablePod(result.object) : undefined;
  const ports = pod === undefined ? [] : portsWithoutService(pod, neighbours!.services);
  if (ports.length === 0) return result;
  const problem: InjectProblem = {
    severity: 'warning',
    object: report.object,
    field: 'metadata.labels',
    message: `no Service here leads to port ${ports.join(', ')}: one that stands elsewhere must have targetPort ${ports.map(explicitPortName).join(', ')}`,
    consequence: 'calls by way of another target port go past the proxy',
  };
  return { ...result, reports: [{ ...report, problems: [...report.problems, problem] }] };
}

/**
 * Only annotates, for the webhook to inject on admission: the pod templates of workloads, and Namespaces themselves.
 * Pods that are disabled or have a sidecar stay as they are.
 */
export function annotateManifest(
  object: Manifest,
  config: InjectConfig,
  context: ManifestContext = {},
): ManifestResult {
  if (isList(object)) return overItems(object, (item) => annotateManifest(item, config, context));
  const told = (outcome: InjectReport['outcome']): InjectReport => ({ ...skippedReport(object), outcome });
  if (object.apiVersion === 'v1' && object.kind === 'Namespace') {
    const annotated = requested(object, config, { request: 'enabled', ...context });
    const unknown = invalidValue(annotated.metadata, 'namespace', config);
    if (unknown !== undefined) return { object, reports: [skippedReport(object, unknown)] };
    return { object: annotated, reports: [told(annotated === object ? 'unchanged' : 'annotated')] };
  }
  return overTemplate(object, (template, path, sound) => {
    const disabled = injectKeys(config).find((key) => sound.metadata?.annotations?.[key] === 'disabled');
    const reason = unfit(sound) ?? (disabled && `pod has the annotation "${disabled}:disabled"`);
    if (reason) return { template, report: skippedReport(object, reason) };
    const annotated = requested(template, config, { request: 'enabled', ...context });
    const report = told(annotated === template ? 'unchanged' : 'annotated');
    const unknown = invalidValue(annotated.metadata, 'workload', config);
    if (unknown !== undefined) return { template, report: skippedReport(object, unknown) };
    const decision = decide(annotated, undefined, config);
    const place = { object: report.object, field: fieldPath(path.join('.'), 'metadata.annotations') };
    const problems = decision.inject ? podSecurityProblem(decision.mode, namespaceOf(object, context), place) : [];
    return { template: annotated, report: { ...report, problems } };
  });
}

/** The keys that mean the same as one of ours. */
const sameSetting = (key: string): string[] =>
  key.startsWith(settingPrefixes[0]) ? settingKeys(key.slice(settingPrefixes[0].length)) : [key];

const skippedReport = (object: Manifest, ...reasons: string[]): InjectReport => ({
  object: manifestName(object),
  outcome: 'skipped',
  reasons,
  problems: [],
});

const injectKeys = (config: InjectConfig): string[] =>
  config.compat === 'linkerd' ? [injectAnnotation, linkerdInjectAnnotation] : [injectAnnotation];

/** The pod as if it said itself what was asked for. A word of its own about injection stands. */
function requested<T extends PodTemplate | Manifest>(
  pod: T,
  config: InjectConfig,
  { request, annotations, ownWordStands = false }: ManifestContext,
): T {
  const own = pod.metadata?.annotations;
  const silent = !injectKeys(config).some((key) => own?.[key] !== undefined);
  const asked = Object.entries(annotations ?? {}).filter(
    ([key]) => !ownWordStands || findAnnotation(pod.metadata, sameSetting(key)) === undefined,
  );
  const added = { ...(request && silent ? { [injectAnnotation]: request } : {}), ...Object.fromEntries(asked) };
  if (Object.keys(added).length === 0) return pod;
  return { ...pod, metadata: { ...pod.metadata, annotations: { ...own, ...added } } };
}

export function overItems(
  list: Manifest & { items: Manifest[] },
  edit: (item: Manifest) => ManifestResult,
): ManifestResult {
  const results = list.items.map((item, index) => {
    const object = itemOf(list, item);
    if (object === undefined) {
      return { object: item, reports: [skippedReport(list, `items[${index}] is no object`)] };
    }
    const result = edit(object);
    return object === item ? result : { ...result, object: asItem(result.object, object, item) };
  });
  return {
    object: { ...list, items: results.map(({ object }) => object) },
    reports: results.flatMap(({ reports }) => reports),
  };
}

/** Without what only the List says. */
function asItem(edited: Manifest, object: Manifest, item: Manifest): Manifest {
  if (edited === object) return item;
  const { apiVersion: _, kind: _kind, ...rest } = edited;
  return rest as Manifest;
}

export function overTemplate(
  object: Manifest,
  /** Gets the template as it stands, and without fields that are null. */
  edit: (
    template: PodTemplate,
    path: readonly string[],
    sound: PodTemplate,
  ) => { template: PodTemplate; report: InjectReport },
): ManifestResult {
  const path = templatePath(object);
  const name = manifestName(object);
  if (!path) {
    const elsewhere = podsElsewhere(object);
    const named = workloadNamedBy(object);
    const reason =
      named !== undefined
        ? `its pods are those of ${named}, which spec.workloadRef names: inject that`
        : elsewhere !== undefined
          ? `its kind is not known, and its pods stand at ${elsewhere}: annotate these, or their namespace`
          : undefined;
    return { object, reports: [skippedReport(object, ...(reason === undefined ? [] : [reason]))] };
  }
  const template = templateAt(object, path);
  if (!template) {
    const field = [...path, 'spec'].join('.');
    const problems = [
      {
        severity: 'error' as const,
        object: name,
        field,
        message: 'must be the specification of a pod',
        consequence: 'the object is left as it is',
      },
    ];
    return { object, reports: [{ object: name, outcome: 'skipped', reasons: ['it has no pod'], problems }] };
  }
  const read = soundPod(template);
  if ('misshape' in read) return { object, reports: [misshapenReport(name, read.misshape, path.join('.'))] };
  const { template: edited, report } = edit(template, path, read.pod);
  return { object: edited === template ? object : withTemplate(object, path, edited), reports: [report] };
}

function namespaceOf(object: Manifest, { namespaces }: ManifestContext): Metadata | undefined {
  const name = object.metadata?.namespace;
  return name === undefined ? undefined : namespaces?.get(name);
}
