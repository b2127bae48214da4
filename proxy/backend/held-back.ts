import type { Attempt } from '../exchange/attempt.ts';
import type { EjectionMetrics } from '../telemetry/ejection-metrics.ts';
import type { BalancedEndpoint } from './balanced-endpoint.ts';
import type { EndpointLog } from './endpoint-log.ts';
import { type EndpointState, isHeldBack } from './endpoint-state.ts';

/** The endpoints of a service that their circuit breakers hold back. */
export class HeldBack {
  private readonly log: EndpointLog;
  private readonly metrics: EjectionMetrics | undefined;
  /** Those that were told of, by what the service was called then. */
  private readonly told = new Map<BalancedEndpoint, string>();
  /** Those on probation that have no request yet. */
  private readonly onProbation: BalancedEndpoint[] = [];
  /** How many there are. */
  size = 0;

  constructor(log: EndpointLog, metrics: EjectionMetrics | undefined) {
    this.log = log;
    this.metrics = metrics;
  }

  /** One of them may have a request. */
  get mayBeProbed(): boolean {
    return this.onProbation.length > 0;
  }

  /**
   * The endpoint on probation that a try is for: any one will do. A request that has failed before is better off where
   * others succeed; `hasReady` says whether it can go there. So is one that has a key, and probes that of its key only,
   * unless it was sent here to probe.
   */
  probedBy({ exchange, avoid, key, isProbe }: Attempt, hasReady: boolean): BalancedEndpoint | undefined {
    if (isProbe || !hasReady) return this.onProbation[0];
    return exchange.attempts > 1 || key !== undefined
      ? undefined
      : this.onProbation.find((endpoint) => endpoint !== avoid);
  }

  /** An endpoint that has a breaker is in another state. */
  onStateChanged(endpoint: BalancedEndpoint, before: EndpointState, authority: string): void {
    const { state, ejection } = endpoint;
    this.leave(endpoint, before);
    if (isHeldBack(state)) this.size++;
    if (state === 'probation') this.onProbation.push(endpoint);
    const reason = ejection?.reason;
    if (reason === undefined) this.end(endpoint, true);
    else if (!this.told.has(endpoint)) {
      this.told.set(endpoint, authority);
      this.log.ejected(endpoint);
      this.metrics?.began(authority, reason);
    }
  }

  /** It is none of the service's endpoints any more. */
  remove(endpoint: BalancedEndpoint): void {
    this.leave(endpoint, endpoint.state);
    this.end(endpoint, false);
  }

  private leave(endpoint: BalancedEndpoint, state: EndpointState): void {
    if (isHeldBack(state)) this.size--;
    if (state === 'probation') this.onProbation.splice(this.onProbation.indexOf(endpoint), 1);
  }

  private end(endpoint: BalancedEndpoint, recovered: boolean): void {
    const authority = this.told.get(endpoint);
    if (authority === undefined) return;
    this.told.delete(endpoint);
    this.metrics?.ended(authority);
    if (recovered) this.log.recovered(endpoint);
  }
}
