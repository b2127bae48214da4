import type { Update, WeightedAddr } from '../../api/gen/destination_pb.js';
import { addressFromApi } from '../control/addresses.ts';
import type { EndpointInfo } from '../model/endpoint-info.ts';
import { formatHostPort } from '../wire/ip-network.ts';

/** What the updates of Destination.Get say so far. */
export class EndpointSet {
  private readonly byAddress = new Map<string, EndpointInfo>();
  /** False when there is no such service. */
  exists = true;

  get endpoints(): IterableIterator<EndpointInfo> {
    return this.byAddress.values();
  }

  get size(): number {
    return this.byAddress.size;
  }

  /** An `add` after a reconnection lists all again: `fresh` forgets what is not in it. */
  apply(update: Update, fresh: boolean): void {
    const { update: change } = update;
    if (fresh) this.byAddress.clear();
    if (change.case === 'add') {
      this.exists = true;
      for (const address of change.value.addrs) {
        const info = endpointInfo(address, change.value.metricLabels);
        if (info !== undefined) this.byAddress.set(formatHostPort(info.address, info.port), info);
      }
    } else if (change.case === 'remove') {
      for (const gone of change.value.addrs) {
        const address = addressFromApi(gone);
        if (address !== undefined) this.byAddress.delete(formatHostPort(address.address, address.port));
      }
    } else if (change.case === 'noEndpoints') {
      this.byAddress.clear();
      this.exists = change.value.exists;
    }
  }

  /** The control plane knows no such service. */
  clear(): void {
    this.byAddress.clear();
    this.exists = false;
  }
}

/** An endpoint as the API describes it; undefined without an address. `labels` are those of its set. */
export function endpointInfo(
  weighted: WeightedAddr,
  labels: Readonly<Record<string, string>>,
): EndpointInfo | undefined {
  const address = addressFromApi(weighted.addr);
  if (address === undefined) return undefined;
  const { strategy, serverName } = weighted.tlsIdentity ?? {};
  const name = strategy?.case === 'dnsLikeIdentity' ? strategy.value.name : undefined;
  const { protocol, opaqueTransport } = weighted.protocolHint ?? {};
  return {
    ...address,
    weight: weighted.weight,
    labels: { ...labels, ...weighted.metricLabels },
    identity: name === undefined ? undefined : { name, serverName: serverName?.name || name },
    http2: protocol?.case === 'h2',
    opaqueTransportPort: opaqueTransport?.inboundPort || undefined,
  };
}

/** Whether an endpoint changed in a way that its connections must not outlive. */
export function sameEndpoint(a: EndpointInfo, b: EndpointInfo): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
