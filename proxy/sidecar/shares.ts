import { ClientBudgets, type ClientLimits } from '../accept/client-budgets.ts';
import type { ListenOptions } from '../net/listen.ts';
import { LimitedLog } from '../telemetry/limited-log.ts';
import type { Log } from '../telemetry/log.ts';
import type { CounterFamily, MetricsRegistry } from '../telemetry/registry.ts';

/** Those that listen, and have shares of what this process may have. */
type Listener = 'inbound' | 'outbound' | 'admin';

/**
 * Of all descriptors: what others open must leave some to the workload, both some to probes, and all some to what carries
 * requests on and to the control plane.
 */
const descriptorParts: Readonly<Record<Listener, number>> = { inbound: 0.6, outbound: 0.8, admin: 0.9 };
/** Of a client to the admin server: it has health and metrics to ask for. */
const maxAdminConnections = 64;

/** What is shared out among those who come to this process, and how it is told when one wants more than its share. */
export class Shares {
  /** The log of what clients bring about. */
  readonly peerLog: LimitedLog;
  /** Clients of the workload, and those of the admin server. */
  readonly clients: ClientBudgets;
  readonly adminClients: ClientBudgets;
  private readonly shortOfDescriptors: CounterFamily;

  constructor(registry: MetricsRegistry, log: Log, nowMs: () => number, limits: ClientLimits) {
    const unsaid = registry
      .counter('proxy_log_lines_unsaid_total', 'Lines of clients that were not written, since there were too many.')
      .count({});
    this.peerLog = new LimitedLog({ log, nowMs, onUnsaid: () => void unsaid.value++ });
    this.shortOfDescriptors = registry.counter(
      'proxy_descriptors_refused_total',
      'Connections that were closed, since there were no descriptors left for them.',
    );
    const refusals = registry.counter(
      'proxy_client_refused_total',
      'What clients were refused, since they had more than their share.',
    );
    const budgets = (listener: Listener, of: ClientLimits): ClientBudgets =>
      new ClientBudgets({
        limits: of,
        nowMs,
        onRefused: (reason, client) => {
          refusals.add({ listener, reason });
          const message = 'a client has more than its share';
          this.peerLog.warn(`${message} ${listener} ${reason} ${client}`, message, { listener, reason, client });
        },
      });
    this.clients = budgets('inbound', limits);
    this.adminClients = budgets('admin', { ...limits, connections: maxAdminConnections });
  }

  /** A listener's share of the descriptors. */
  descriptors(listener: Listener): NonNullable<ListenOptions['share']> {
    const message =
      'connections are closed, since there are no descriptors left for them: raise the limit of open files';
    const refused = this.shortOfDescriptors.count({ listener });
    const onShort = (): void => {
      refused.value++;
      this.peerLog.error(`${message} ${listener}`, message, { listener });
    };
    return { part: descriptorParts[listener], onShort };
  }
}
