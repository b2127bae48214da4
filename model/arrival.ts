import { podEndpoint, serviceEndpoints } from '../control-plane/destination/endpoints.ts';
import type { Target } from '../control-plane/destination/target.ts';
import type { PolicyContext } from '../control-plane/policy/context.ts';
import { outsideAddress } from './addresses.ts';
import type { Call } from './call.ts';
import type { CallBackend } from './call-result.ts';
import { type Departure, portOf } from './departure.ts';
import { clientOf, inboundDecision } from './inbound.ts';
import { noBackend, noEndpoint } from './nothing-there.ts';
import type { OutboundDecision, OutboundPlace } from './outbound.ts';
import type { SimulatedCluster } from './simulated-cluster.ts';
import type { Workload } from './workload.ts';

/** How one of the places that calls are sent to takes them. */
export interface Arrived {
  readonly backend: CallBackend;
  readonly status: number | undefined;
  readonly route: string | undefined;
  readonly mtls: boolean;
  readonly steps: readonly string[];
}

const nowhere = { route: undefined, mtls: false };

/** What becomes of the calls that are sent to one place. */
export function arrival(
  place: OutboundPlace,
  call: Call,
  outbound: OutboundDecision,
  left: Departure,
  simulated: SimulatedCluster,
): Arrived {
  const { from, token, connection } = call;
  const { context } = simulated;
  const { cluster, config } = context;
  const { target, share } = place;
  // Who asks a proxy, or speaks HTTP to one, is answered; bytes end.
  const isAnswered = left.past === undefined && connection === undefined && (left.asked || !outbound.opaque);
  const answered = (status: number): number => (isAnswered ? status : 0);
  if (target === undefined || isOutside(target, cluster)) {
    const isMissing = target === undefined && outbound.target !== undefined;
    const by = isMissing ? noBackend : 'outside of the mesh';
    const backend = { ...outsideOf(target, place, call), share, allowed: !isMissing, by };
    return { backend, status: isMissing ? answered(500) : undefined, ...nowhere, steps: [by] };
  }
  const named = namedOf(target, from);
  const pods = podsAt(target, simulated);
  if (pods.length === 0) {
    const backend = { ...named, share, allowed: false, by: noEndpoint };
    return { backend, status: answered(504), ...nowhere, steps: [noEndpoint] };
  }
  const arrived = pods.map(({ podKey, port, identity }) => {
    const pod = cluster.pods.get(podKey);
    if (pod === undefined) throw new Error(`pod ${podKey} is not in the model`);
    const head = outbound.opaque ? undefined : place.head;
    const bySidecars = left.past === undefined && from?.meshed === true && identity !== undefined;
    const client = clientOf(from, bySidecars, call.address);
    return { ...inboundDecision(pod, port, client, head, token, context), mtls: bySidecars };
  });
  const refused = arrived.find(({ allowed }) => !allowed);
  const { by, status, route, steps, allowed } = refused ?? arrived[0];
  const mtls = arrived.every((each) => each.mtls);
  const where = `${Math.round(share * 1000) / 10} % go to ${named.namespace ?? from?.namespace ?? config.meshNamespace}/${named.service}:${named.port}`;
  return {
    backend: { ...named, share, allowed, by },
    // Bytes that are refused behind a request end it at the sidecar of who has made it.
    status: status === 0 ? answered(403) : status,
    ...{ route, mtls, steps: [where, ...steps] },
  };
}

function namedOf(target: Target, from: Workload | undefined): Pick<CallBackend, 'service' | 'namespace' | 'port'> {
  if (target.kind === 'ip') return { service: target.ip, namespace: undefined, port: target.port };
  const { name, namespace, port, hostname } = target;
  const service = hostname === undefined ? name : `${hostname}.${name}`;
  return { service, namespace: namespace === from?.namespace ? undefined : namespace, port };
}

/** Whether an address is of nothing in the cluster. */
const isOutside = (target: Target, cluster: PolicyContext['cluster']): boolean =>
  target.kind === 'ip' && cluster.serviceAt(target.ip) === undefined && cluster.podAt(target.ip) === undefined;

/** What is called outside, by its host where that was called by its name. */
function outsideOf(
  target: Target | undefined,
  { head }: OutboundPlace,
  { url }: Call,
): Pick<CallBackend, 'service' | 'namespace' | 'port'> {
  if (target?.kind === 'ip' && target.ip !== outsideAddress) return namedOf(target, undefined);
  const [, host, port] = /^(.*?)(?::(\d+))?$/.exec(head.authority) ?? [];
  return { service: host, namespace: undefined, port: port === undefined ? portOf(url) : Number(port) };
}

/** The pods that a target leads to, with the port of the application. */
function podsAt(
  target: Target,
  { context: { cluster, config } }: SimulatedCluster,
): readonly { readonly podKey: string; readonly port: number; readonly identity: string | undefined }[] {
  if (target.kind === 'ip') {
    const service = cluster.serviceAt(target.ip);
    if (service === undefined) {
      const pod = cluster.podAt(target.ip);
      if (pod === undefined) return [];
      const { port, identity } = podEndpoint(pod, target.ip, target.port, cluster, config);
      return [{ podKey: `${pod.metadata.namespace}/${pod.metadata.name}`, port, identity }];
    }
    return endpointsOf(service, target.port, undefined);
  }
  const service = cluster.services.get(`${target.namespace}/${target.name}`);
  return service === undefined ? [] : endpointsOf(service, target.port, target.hostname);

  function endpointsOf(of: NonNullable<typeof service>, port: number, hostname: string | undefined) {
    return [...serviceEndpoints(of, port, hostname, cluster, config).values()].flatMap(({ podKey, record }) =>
      podKey === undefined ? [] : [{ podKey, port: record.port, identity: record.identity }],
    );
  }
}
