import type { Labels } from './labels.ts';
import type { CounterFamily, MetricsRegistry } from './registry.ts';

/** One rule whose backends are in order of preference. */
export interface FailoverRule {
  readonly route: Labels;
  /** Of each backend, in order. */
  readonly backends: readonly Labels[];
  /** The place of the one in use. */
  readonly current: () => number;
}

/** Which backend is in use where rules name several in order of preference. */
export class FailoverMetrics {
  private readonly switches: CounterFamily;
  private readonly rules = new Set<FailoverRule>();

  constructor(registry: MetricsRegistry) {
    const help = 'Changes of the backend that a rule with backends in order of preference uses, by the new one.';
    this.switches = registry.counter('outbound_route_failover_switches_total', help);
    registry.gauge(
      'outbound_route_failover_backend',
      'Of rules with backends in order of preference: 1 for the backend in use, 0 for the others.',
      () => [...this.rows()],
    );
  }

  /** Tells of `rule` until it is released. */
  hold(rule: FailoverRule): void {
    this.rules.add(rule);
  }

  release(rule: FailoverRule): void {
    this.rules.delete(rule);
  }

  switched({ route, backends }: FailoverRule, to: number): void {
    this.switches.add({ ...route, ...backends[to] });
  }

  /** Rules of one route with the same backends are one: one of them in use elsewhere than the others would be two rows. */
  private rows(): Iterable<readonly [Labels, number]> {
    const rows = new Map<string, readonly [Labels, number]>();
    for (const { route, backends, current } of this.rules) {
      for (const [at, backend] of backends.entries()) {
        const labels = { ...route, ...backend };
        const key = JSON.stringify(labels);
        const isUsed = at === current() || rows.get(key)?.[1] === 1;
        rows.set(key, [labels, isUsed ? 1 : 0]);
      }
    }
    return rows.values();
  }
}
