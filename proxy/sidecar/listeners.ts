import type { ProxyConfig } from '../config.ts';
import { type Listener, listen } from '../net/listen.ts';
import type { SocketConnection } from '../net/socket-connection.ts';
import { inboundAddresses } from './addresses.ts';
import type { Shares } from './shares.ts';

type Accept = (connection: SocketConnection) => void;

/** Who takes the connections of each kind of listener. */
interface Accepting {
  readonly inbound: Accept;
  readonly outbound: Accept;
  readonly admin: Accept;
  readonly tap: Accept;
}

/** What a proxy listens on. Its traffic is over before the admin server and taps are. */
export class Listeners {
  private readonly config: ProxyConfig;
  /** How many processes listen on the addresses of the traffic. */
  private readonly processes: number;
  private readonly shares: Shares;
  private readonly accepting: Accepting;
  private traffic: Listener[] = [];
  private admin: Listener[] = [];

  constructor(config: ProxyConfig, processes: number, shares: Shares, accepting: Accepting) {
    this.config = config;
    this.processes = processes;
    this.shares = shares;
    this.accepting = accepting;
  }

  /** Throws when an address cannot be listened on. */
  start(): void {
    const { shares, accepting } = this;
    const { inbound, outbound, admin, tap } = this.config;
    const share = shares.descriptors('admin');
    this.admin = [
      ...admin.listen.map(({ host, port }) => listen(host, port, accepting.admin, { share })),
      ...tap.listen.map(({ host, port }) => listen(host, port, accepting.tap, { share })),
    ];
    const shared = this.processes > 1;
    this.traffic = [
      ...inboundAddresses(inbound).map(({ host, port }) =>
        listen(host, port, accepting.inbound, {
          shared,
          options: inbound.acceptOptions,
          share: shares.descriptors('inbound'),
        }),
      ),
      ...outbound.listen.map(({ host, port }) =>
        listen(host, port, accepting.outbound, {
          shared,
          options: outbound.acceptOptions,
          share: shares.descriptors('outbound'),
        }),
      ),
    ];
  }

  stopTraffic(): void {
    for (const listener of this.traffic) listener.stop();
  }

  stopAdmin(): void {
    for (const listener of this.admin) listener.stop();
  }
}
