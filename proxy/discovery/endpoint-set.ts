import type { Update } from '../../api/gen/destination_pb.js';
import { addressFromApi } from '../control/addresses.ts';
import type { EndpointInfo } from '../model/endpoint-info.ts';
import { formatHostPort } from '../wire/ip-network.ts';
import type { EndpointReader } from './endpoint-from-api.ts';

/** What the updates of Destination.Get say so far. */
export class EndpointSet {
  private readonly byAddress = new Map<string, EndpointInfo>();
  private readonly reader: EndpointReader;
  /** False when there is no such service. */
  exists = true;

  constructor(reader: EndpointReader) {
    this.reader = reader;
  }

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
      for (const added of change.value.addrs) {
        const address = addressFromApi(added.addr);
        if (address === undefined) continue;
        const key = formatHostPort(address.address, address.port);
        const info = this.reader.read(added, change.value.metricLabels);
        if (info === undefined) this.byAddress.delete(key);
        else this.byAddress.set(key, info);
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
}
