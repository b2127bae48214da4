import type { IConstruct } from 'constructs';
import { hasLabels } from '../contract/labels.ts';
import { isRecord, type Manifest } from '../inject/kubernetes.ts';
import type { AppView } from './app-view.ts';
import { warn } from './warnings.ts';
import { type FacetWorkload, failOn } from './workload-policies.ts';

/** Workloads of an app of whose requests something has been said, as they are in the synth under way. */
const spokenOf = new WeakMap<IConstruct, readonly FacetWorkload[]>();

/** Remembers what was said of requests to workloads, for the Services that lead to them are rendered later. */
export function rememberTraffic(root: IConstruct, workloads: readonly FacetWorkload[]): void {
  spokenOf.set(
    root,
    workloads.filter(({ facet }) => facet.traffic.size > 0),
  );
}

/**
 * Writes on a Service how requests to the workloads behind it are tried. Fails where it says otherwise itself, or where two of
 * these workloads do: clients know the Service alone. Returns the Service itself where nothing is said.
 */
export function tellTraffic(service: Manifest, construct: IConstruct): Manifest {
  const behind = (spokenOf.get(construct.node.root) ?? []).filter((workload) => leadsTo(service, workload));
  if (behind.length === 0) return service;
  const annotations: Record<string, string> = { ...service.metadata?.annotations };
  const sources = new Map<string, string>();
  for (const { facet } of behind) {
    const path = facet.object.node.path;
    for (const [name, value] of facet.traffic) {
      const said = annotations[name];
      if (said !== undefined && said !== value) {
        const by = sources.get(name) ?? 'its own annotation';
        failOn([
          `  [${construct.node.path}] ${name} ('${said}' by ${by}) is to be '${value}' by ${path}: say it once, or give the workloads a Service each`,
        ]);
      }
      annotations[name] = value;
      sources.set(name, path);
    }
  }
  return { ...service, metadata: { ...service.metadata, annotations } };
}

/** Warns of workloads of whose requests something was said that no Service of the app tells clients. */
export function warnOfUntold(root: IConstruct, view: AppView): void {
  const workloads = spokenOf.get(root) ?? [];
  if (workloads.length === 0) return;
  const services = view.ofKind('v1', 'Service');
  for (const workload of workloads) {
    if (services.some(({ manifest }) => leadsTo(manifest, workload))) continue;
    const { object, traffic } = workload.facet;
    const said = [...traffic.keys()].join(', ');
    warn(
      object,
      'TULLE_NO_SERVICE',
      `no Service of the app leads to its pods, so that nobody is told how requests are tried (${said}): say exposeViaService(), or annotate the Service where it is made`,
    );
  }
}

function leadsTo({ metadata, spec }: Manifest, { workload }: FacetWorkload): boolean {
  return (
    (metadata?.namespace ?? 'default') === workload.namespace &&
    hasLabels(workload.labels, isRecord(spec?.selector) ? spec.selector : {})
  );
}
