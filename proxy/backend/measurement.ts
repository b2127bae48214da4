import type { Clock } from '../clock.ts';
import type { BalancerSeries, MeasuredBalancer, QueueCounts, UpdateKind } from '../telemetry/balancer-metrics.ts';
import type { QueueObserver } from './queue.ts';

/** Where a balancer is measured: nowhere as long as policy has not said what it is called. */
export class Measurement {
  private readonly balancer: MeasuredBalancer;
  private readonly clock: Pick<Clock, 'nowMs' | 'wallMs'>;
  private readonly failfastMs: number;
  private series: BalancerSeries | undefined = undefined;

  constructor(balancer: MeasuredBalancer, clock: Pick<Clock, 'nowMs' | 'wallMs'>, failfastMs: number) {
    this.balancer = balancer;
    this.clock = clock;
    this.failfastMs = failfastMs;
  }

  /** It is measured in `series` from now on. */
  begin(series: BalancerSeries): void {
    if (series === this.series && !series.dropped) return;
    if (this.series !== undefined) this.series.leave(this.balancer, this.clock.nowMs());
    else if (this.balancer.endpointCount > 0) series.updates.Reset++;
    this.series = series;
    series.join(this.balancer, this.clock.wallMs(), this.failfastMs);
  }

  end(): void {
    this.series?.leave(this.balancer, this.clock.nowMs());
    this.series = undefined;
  }

  /** An opaque connection asks for an endpoint. */
  connecting(): void {
    if (this.series !== undefined) this.series.connects++;
  }

  updated(kind: UpdateKind): void {
    if (this.series !== undefined) this.series.updates[kind]++;
  }

  /** Whoever comes fails at once. */
  gateShut(): void {
    this.series?.gateShut(this.clock.wallMs());
  }

  /** And does so no longer. */
  gateOpened(): void {
    this.series?.gateOpened(this.clock.wallMs());
  }

  /** Counts what waits in a queue, in those counts of the series that `of` has it choose. */
  queueObserver(of: (series: BalancerSeries) => QueueCounts): QueueObserver {
    return {
      onQueued: () => {
        if (this.series !== undefined) of(this.series).entered++;
      },
      onUnqueued: (waitedMs) => {
        if (this.series !== undefined) of(this.series).left(waitedMs);
      },
    };
  }
}
