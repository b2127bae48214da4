import { Inbound } from '../inbound/accept.ts';
import { Applications } from '../inbound/application.ts';
import type { Checks } from '../inbound/checks.ts';
import type { InboundMetrics } from '../inbound/metrics.ts';
import type { PolicyStore } from '../policy/inbound/policy-store.ts';
import { EndUsers } from '../tokens/end-users.ts';
import { originalDestinationOf } from './addresses.ts';
import { dialerOf, type SideParts } from './side-parts.ts';

export interface InboundParts extends SideParts {
  readonly metrics: InboundMetrics;
  readonly policies: PolicyStore;
  readonly checks: Checks;
}

/** What takes connections to the workload, and what it asks and sends to on the way. */
export interface InboundSide {
  readonly inbound: Inbound;
  readonly applications: Applications;
  readonly endUsers: EndUsers;
}

export function inboundOf(parts: InboundParts): InboundSide {
  const { config, clock, wallClockMs, turn, fields, peerLog, open, side, metrics, traces, listeners } = parts;
  const isOwnListener = (address: string, port: number): boolean => listeners.own.has(address, port);
  const applications = new Applications({
    ports: new Set([...config.inbound.ports, ...config.inbound.explicitPorts.values()]),
    clock,
    deadlines: side.deadlines,
    peerLog,
    dialer: dialerOf(parts, config.inbound, {
      metrics: (endpoint) => metrics.forwarded(endpoint),
      isOwnListener,
      meetsSidecars: false,
    }),
    maxConnectionsPerEndpoint: config.inbound.maxIdlePerEndpoint,
    failfastMs: config.inbound.failfastMs,
    http1IdleMs: config.inbound.http1IdleMs,
  });
  const endUsers = new EndUsers({ wallClockMs });
  const inbound = new Inbound({
    clock,
    turn,
    fields,
    peerLog,
    open,
    explicit: config.explicit,
    traces,
    endUsers,
    checks: parts.checks,
    metrics,
    side,
    policies: parts.policies,
    applications,
    listenPort: config.inbound.listen[0].port,
    isOwnListener,
    defaultPort: config.inbound.ports[0],
    explicitPorts: config.inbound.explicitPorts,
    localName: config.identity?.localName,
    terminateTls: parts.terminateTls,
    targetAddresses: config.inbound.ips,
    originalDestination: originalDestinationOf,
    detectTimeoutMs: config.inbound.detectTimeoutMs,
    keepAlive: config.inbound.serverKeepAlive,
    maxInFlight: config.inbound.maxInFlight,
  });
  return { inbound, applications, endUsers };
}
