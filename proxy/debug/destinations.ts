import type { BalancedEndpoint } from '../backend/balanced-endpoint.ts';
import type { Balancer } from '../backend/balancer.ts';
import type { Target } from '../outbound/target.ts';
import { formatHostPort } from '../wire/ip-network.ts';
import { type DebugPage, pageOf } from './page.ts';

/** Endpoints of one service that are told: of more, the first. */
const mostEndpoints = 200;

/** The targets that the workload calls, with what they resolve to and how their endpoints fare. */
export function destinationsPage(targets: Iterable<Target>, nowMs: number): DebugPage {
  return pageOf(targets, (target) => ({
    target: formatHostPort(target.name.host, target.name.port),
    protocol: target.protocol ?? 'not known yet',
    backends: [...target.balancers()].map(([authority, balancer]) => describe(authority, balancer, nowMs)),
  }));
}

function describe(authority: string | undefined, balancer: Balancer, nowMs: number): unknown {
  const endpoints = [...balancer.endpoints.values()];
  return {
    // What discovery does not know goes to where the name leads.
    service: authority,
    ready: balancer.readyCount,
    total: endpoints.length,
    waiting: balancer.waiting,
    endpoints: endpoints.slice(0, mostEndpoints).map((endpoint) => describeEndpoint(endpoint, nowMs)),
  };
}

function describeEndpoint({ info, state, endpoint, ewma, openTcp, failure }: BalancedEndpoint, nowMs: number): unknown {
  return {
    address: formatHostPort(info.address, info.port),
    state,
    identity: info.identity?.name,
    noTls: info.noTlsReason,
    http2: info.http2,
    weight: info.weight,
    connections: endpoint.connections,
    opaqueConnections: openTcp,
    inFlight: ewma.inFlight,
    costMs: Math.round(ewma.cost(nowMs) * 1000) / 1000,
    lastFailure: failure && `${failure.reason}: ${failure.detail}`,
    labels: info.labels,
  };
}
