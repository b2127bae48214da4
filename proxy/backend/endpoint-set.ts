import { type EndpointInfo, sameConnection, sameLabels } from '../model/endpoint-info.ts';
import type { UpdateKind } from '../telemetry/balancer-metrics.ts';
import type { RequestMetrics } from '../telemetry/request-metrics.ts';
import { formatHostPort } from '../wire/ip-network.ts';
import type { BalancedEndpoint } from './balanced-endpoint.ts';
import type { BalancerOptions } from './balancer-options.ts';

/** The endpoints of a service as discovery tells of them, by `address:port`. */
export class EndpointSet {
  readonly all = new Map<string, BalancedEndpoint>();
  private readonly make: (info: EndpointInfo, metrics: RequestMetrics) => BalancedEndpoint;
  private readonly options: Pick<BalancerOptions, 'requestMetrics'>;

  /** `make` makes one that is new. */
  constructor(make: EndpointSet['make'], options: Pick<BalancerOptions, 'requestMetrics'>) {
    this.make = make;
    this.options = options;
  }

  /**
   * Takes them as they are now: what is reached in the same way as before keeps its connections and its state. Returns
   * those that are gone, and what metrics call the update.
   */
  replace(
    authority: string,
    infos: readonly EndpointInfo[],
  ): { readonly gone: readonly BalancedEndpoint[]; readonly kind: UpdateKind } {
    const { all, options } = this;
    const gone = new Map(all);
    const before = gone.size;
    for (const info of infos) {
      const key = formatHostPort(info.address, info.port);
      const existing = all.get(key);
      if (existing !== undefined && sameConnection(existing.endpoint.info, info)) {
        gone.delete(key);
        if (sameLabels(existing.endpoint.info, info)) existing.endpoint.info = info;
        else existing.update(info, options.requestMetrics(authority, info));
      } else all.set(key, this.make(info, options.requestMetrics(authority, info)));
    }
    for (const [key, endpoint] of gone) if (all.get(key) === endpoint) all.delete(key);
    return { gone: [...gone.values()], kind: updateKind(infos.length, before, gone.size) };
  }

  /** Returns those that there were. */
  clear(): readonly BalancedEndpoint[] {
    const gone = [...this.all.values()];
    this.all.clear();
    return gone;
  }

  /** Closes connections that were not used since the last call. */
  sweep(nowMs: number): void {
    for (const { endpoint } of this.all.values()) endpoint.sweep(nowMs);
  }

  /** Requests that wait for a connection of one. */
  get waiting(): number {
    let waiting = 0;
    for (const { endpoint } of this.all.values()) waiting += endpoint.waiters;
    return waiting;
  }

  /** Connections, opaque ones not counted, and dials. */
  get connections(): number {
    let connections = 0;
    for (const { endpoint } of this.all.values()) connections += endpoint.connections + endpoint.dialling;
    return connections;
  }

  /** Something is under way at one. */
  get isBusy(): boolean {
    for (const { ewma, openTcp } of this.all.values()) if (ewma.inFlight > 0 || openTcp > 0) return true;
    return false;
  }

  /** A dial of one waits for something that has a deadline of its own. */
  get isUnderWay(): boolean {
    for (const { endpoint } of this.all.values()) if (endpoint.isUnderWay) return true;
    return false;
  }
}

/** What an update has done, by how many endpoints there are now, were before, and are gone. */
function updateKind(now: number, before: number, gone: number): UpdateKind {
  if (now === 0) return 'DoesNotExist';
  if (gone === 0 && before > 0) return 'Add';
  return gone > 0 && now === before - gone ? 'Remove' : 'Reset';
}
