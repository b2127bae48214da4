import { splitHostPort } from '../config.ts';
import { type TargetName, targetName } from '../discovery/target-name.ts';
import { formatHostPort } from '../wire/ip-network.ts';
import { Destination, type DestinationOptions } from './destination.ts';

export interface DestinationsOptions extends DestinationOptions {
  /** Completes short names. */
  namespace: string;
  serviceSuffix: string;
  /** How long a destination that nothing uses is kept. */
  idleMs: number;
  /** How long an HTTP/1 connection that nothing uses is kept. */
  http1IdleMs: number;
}

const maxDestinations = 10_000;

/** The destinations in use, by canonical name, and by the authorities that requests call them. */
export class Destinations {
  private readonly options: DestinationsOptions;
  private readonly byName = new Map<string, Destination>();
  private readonly byAuthority = new Map<string, Destination>();
  private closed = false;

  constructor(options: DestinationsOptions) {
    this.options = options;
    this.scheduleSweep();
    this.scheduleConnectionSweep();
  }

  /** The destination that an authority means, port 80 when it names none; undefined when it is not valid. */
  forAuthority(authority: string): Destination | undefined {
    const cached = this.byAuthority.get(authority);
    if (cached !== undefined) return cached;
    const address = splitHostPort(authority) ?? { host: authority.replace(/^\[(.*)\]$/, '$1'), port: 80 };
    if (address.host === '' || /[\s/?#@]/.test(address.host)) return undefined;
    const { namespace, serviceSuffix } = this.options;
    const destination = this.get(targetName(address.host, address.port, namespace, serviceSuffix));
    if (destination !== undefined) this.byAuthority.set(authority, destination);
    return destination;
  }

  forAddress(address: string, port: number): Destination | undefined {
    return this.get({ kind: 'ip', host: address, given: address, port });
  }

  close(): void {
    this.closed = true;
    for (const destination of this.byName.values()) destination.close();
    this.byName.clear();
    this.byAuthority.clear();
  }

  /** Undefined when too many are in use. */
  private get(name: TargetName): Destination | undefined {
    const key = formatHostPort(name.host, name.port);
    let destination = this.byName.get(key);
    if (destination === undefined && this.byName.size < maxDestinations) {
      destination = new Destination(name, this.options);
      this.byName.set(key, destination);
    }
    return destination;
  }

  private scheduleSweep(): void {
    const { clock, idleMs } = this.options;
    clock.after(Math.max(100, idleMs / 2), () => {
      if (this.closed) return;
      const nowMs = clock.nowMs();
      for (const [key, destination] of this.byName) {
        if (!destination.isIdle(nowMs, idleMs)) continue;
        destination.close();
        this.byName.delete(key);
        for (const [authority, cached] of this.byAuthority) {
          if (cached === destination) this.byAuthority.delete(authority);
        }
      }
      this.scheduleSweep();
    });
  }

  private scheduleConnectionSweep(): void {
    this.options.clock.after(this.options.http1IdleMs, () => {
      if (this.closed) return;
      for (const destination of this.byName.values()) destination.sweep();
      this.scheduleConnectionSweep();
    });
  }
}
