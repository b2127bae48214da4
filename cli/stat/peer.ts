import {
  inbound,
  noTraffic,
  type SeriesFilter,
  sumTraffic,
  type Traffic,
  trafficOf,
} from '../../lib/figures/traffic.ts';
import { CommandError } from '../terminal.ts';
import type { FiguresSource, Measurement, Workload } from './figures-source.ts';
import type { Resource } from './resource.ts';

/** Whose calls are counted: those that come in, those that go to a peer, or those that come from one. */
export type Direction =
  | { readonly kind: 'inbound' }
  | { readonly kind: 'to'; readonly peer: Resource; readonly namespace: string }
  | { readonly kind: 'from'; readonly peer: Resource; readonly namespace: string };

/** The labels that clients put on calls to a peer: what the destination component tells of endpoints. */
export function peerLabels({ kind, name }: Resource, namespace: string): SeriesFilter {
  if (kind === 'namespace') return { direction: 'outbound', dst_namespace: name ?? namespace };
  const label = kind === 'job' ? 'dst_k8s_job' : `dst_${kind}`;
  return { direction: 'outbound', dst_namespace: namespace, ...(name === undefined ? {} : { [label]: name }) };
}

/** The pods whose sidecars have counted the calls. Rejects with a CommandError when the peer is not there. */
export async function callers(
  source: FiguresSource,
  workloads: readonly Workload[],
  direction: Direction,
): Promise<Workload[]> {
  if (direction.kind !== 'from') return [...workloads];
  const { peer, namespace } = direction;
  const found = await source.workloads({
    resource: peer,
    namespace: peer.kind === 'namespace' ? undefined : namespace,
  });
  if (found.length > 0) return found;
  throw new CommandError(`--from: no ${[peer.kind, peer.name].filter(Boolean).join('/')} in namespace ${namespace}`);
}

/** The traffic of one workload, as the measured pods counted it. */
export function trafficOfWorkload(
  workload: Workload,
  resource: Resource,
  direction: Direction,
  measurement: Measurement,
): Traffic {
  const sum = (pods: Iterable<Workload['pods'][number]>, filter: SeriesFilter): Traffic =>
    sumTraffic(
      [...pods].map((pod) => {
        const found = measurement.samples.get(pod);
        return found === undefined ? noTraffic : trafficOf(found.samples, found.windowMs, filter);
      }),
    );
  if (direction.kind === 'inbound') return sum(workload.pods, inbound);
  if (direction.kind === 'to') return sum(workload.pods, peerLabels(direction.peer, direction.namespace));
  const target = { kind: resource.kind, name: workload.name };
  return sum(measurement.samples.keys(), peerLabels(target, workload.namespace));
}
