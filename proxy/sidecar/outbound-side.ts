import type { Exchange } from '../exchange/exchange.ts';
import { fail } from '../exchange/own-answer.ts';
import { failures } from '../exchange/proxy-failure.ts';
import { Outbound } from '../outbound/accept.ts';
import type { OutboundMetrics } from '../outbound/metrics.ts';
import type { Targets } from '../outbound/targets.ts';
import { originalDestinationOf } from './addresses.ts';
import { targetsOf } from './followed.ts';
import { dialerOf, type SideParts } from './side-parts.ts';

export interface OutboundParts extends SideParts {
  readonly metrics: OutboundMetrics;
}

/** What takes the workload's connections, and the targets that it calls. */
export interface OutboundSide {
  readonly outbound: Outbound;
  readonly targets: Targets;
}

export function outboundOf(parts: OutboundParts): OutboundSide {
  const { config, control, clock, turn, fields, log, peerLog, open, side, metrics, traces, listeners } = parts;
  const targets = targetsOf(config, control, {
    traces,
    clock,
    deadlines: side.deadlines,
    log,
    metrics,
    dialer: dialerOf(parts, config.outbound, {
      metrics: (endpoint) => metrics.connections(endpoint),
      // A workload that calls itself comes by its own inbound listener, which leads to the workload alone.
      isOwnListener: (address, port) => listeners.notForWorkload.has(address, port),
      meetsSidecars: config.explicit,
    }),
  });
  const outbound = new Outbound({
    clock,
    turn,
    fields,
    log,
    peerLog,
    open,
    explicit: config.explicit,
    targets,
    side,
    ingress: config.outbound.ingressMode,
    metrics,
    detectTimeoutMs: config.outbound.detectTimeoutMs,
    keepAlive: config.outbound.serverKeepAlive,
    maxInFlight: config.outbound.maxInFlight,
    informationalHeaders: config.outbound.informationalHeaders,
    originalDestination: originalDestinationOf,
    isOwnListener: (address, port) => listeners.own.has(address, port),
  });
  return { outbound, targets };
}

/** Sends a request of the proxy's own where those of the workload would go. */
export function sendOwn(targets: Targets, authority: string, exchange: Exchange): void {
  const target = targets.forAuthority(authority);
  if (target === undefined) fail(exchange, failures.notFound);
  else target.send(exchange);
}
