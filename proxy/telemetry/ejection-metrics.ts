import type { CounterFamily, MetricsRegistry } from './registry.ts';

/** What circuit breakers do, by the service whose endpoints they eject. */
export class EjectionMetrics {
  private readonly total: CounterFamily;
  /** Endpoints that are out now; of those services that have any. */
  private readonly out = new Map<string, number>();

  constructor(registry: MetricsRegistry) {
    const help = 'Endpoints that a circuit breaker ejected, by what it did so for.';
    this.total = registry.counter('outbound_http_balancer_ejections_total', help);
    registry.gauge(
      'outbound_http_balancer_ejected_endpoints',
      'Endpoints that a circuit breaker has ejected and that have not recovered yet.',
      () => [...this.out].map(([authority, count]) => [{ authority }, count] as const),
    );
  }

  began(authority: string, reason: string): void {
    this.total.add({ authority, reason });
    this.out.set(authority, (this.out.get(authority) ?? 0) + 1);
  }

  /** An endpoint has recovered, or is none of the service's any more. */
  ended(authority: string): void {
    const count = (this.out.get(authority) ?? 1) - 1;
    if (count === 0) this.out.delete(authority);
    else this.out.set(authority, count);
  }
}
