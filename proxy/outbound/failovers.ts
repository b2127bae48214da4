import { Failover, type PreferredBackend } from '../backend/failover.ts';
import type { Clock } from '../clock.ts';
import type { FailoverBackends } from '../policy/outbound/model.ts';
import { Preference, type ReadyCount } from '../resilience/preference.ts';
import type { FailoverMetrics, FailoverRule } from '../telemetry/failover-metrics.ts';
import type { Labels } from '../telemetry/labels.ts';
import type { Log } from '../telemetry/log.ts';

/** A backend that is preferred is used again when it has been well for so long. */
const returnMs = 5000;

export interface FailoversOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: FailoverMetrics;
}

interface Known {
  readonly preference: Preference;
  readonly rule: FailoverRule;
}

/**
 * Which backends are in use for the rules of one target that name several in order of preference. A rule that is told
 * anew, with the same backends, goes on where it was.
 */
export class Failovers {
  private readonly options: FailoversOptions;
  private known = new Map<string, Known>();
  private before = new Map<string, Known>();

  constructor(options: FailoversOptions) {
    this.options = options;
  }

  /** All rules are told anew, until `end`. */
  begin(): void {
    this.before = this.known;
    this.known = new Map();
  }

  /** Those that were not told of are gone. */
  end(): void {
    for (const [key, { rule }] of this.before) if (!this.known.has(key)) this.options.metrics.release(rule);
    this.before.clear();
  }

  /** `route` is what metrics call the route, and `backends` are made of those of `distribution`. */
  of(route: Labels, distribution: FailoverBackends, backends: readonly PreferredBackend[]): Failover {
    const { clock } = this.options;
    const { preference, rule } = this.find(route, distribution);
    return new Failover(backends, {
      clock,
      preference,
      onMoved: (from, to, left) => this.tell(rule, from, to, left),
    });
  }

  private find(route: Labels, { backends, minReady }: FailoverBackends): Known {
    const named = backends.map(({ labels, destination }) => [labels, destination]);
    const key = JSON.stringify([route, minReady, named]);
    let known = this.known.get(key) ?? this.before.get(key);
    if (known === undefined) {
      const preference = new Preference(backends.length, minReady, returnMs);
      const rule: FailoverRule = {
        route,
        backends: backends.map(({ labels: { group, kind, namespace, name, port } }) => ({
          backend_group: group,
          backend_kind: kind,
          backend_namespace: namespace,
          backend_name: name,
          backend_port: String(port),
        })),
        current: () => preference.current,
      };
      known = { preference, rule };
      this.options.metrics.hold(rule);
    }
    this.known.set(key, known);
    return known;
  }

  private tell(rule: FailoverRule, from: number, to: number, { ready, total }: ReadyCount): void {
    const { metrics, log } = this.options;
    metrics.switched(rule, to);
    const nameOf = (at: number): string => {
      const { backend_namespace, backend_name, backend_port } = rule.backends[at];
      return `${backend_namespace}/${backend_name}:${backend_port}`;
    };
    const { route_kind, route_name } = rule.route;
    const fields = { route: `${route_kind} ${route_name}`, from: nameOf(from), to: nameOf(to) };
    if (to > from) log.warn('route fails over to another backend', { ...fields, ready: `${ready} of ${total}` });
    else log.info('route is back at a backend that it prefers', fields);
  }
}
