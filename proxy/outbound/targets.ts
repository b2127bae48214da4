import type { Balancer } from '../backend/balancer.ts';
import { type TargetName, targetName } from '../discovery/addresses.ts';
import { splitHostPort } from '../wire/host-port.ts';
import { formatHostPort, parseIp } from '../wire/ip-network.ts';
import { Target, type TargetOptions } from './target.ts';

export interface TargetsOptions extends TargetOptions {
  /** Completes short names. */
  namespace: string;
  serviceSuffix: string;
  /** How long a target that nothing uses is kept, in ms. */
  idleMs: number;
  /** How long an HTTP/1 connection that nothing uses is kept at most, in ms: servers close theirs after five seconds. */
  http1IdleMs: number;
}

const maxTargets = 10_000;
/** A name of 253 characters (RFC 1035 section 2.3.4) with its dot, a port, or an IPv6 address with its zone. */
const maxAuthorityLength = 260;
/** Clients may call one target by many names, and choose them. */
const maxAuthorities = 20_000;

/** The targets in use, by canonical name, and by the authorities that requests call them. */
export class Targets {
  private readonly options: TargetsOptions;
  private readonly byName = new Map<string, Target>();
  private readonly byAuthority = new Map<string, Target>();
  private closed = false;

  constructor(options: TargetsOptions) {
    this.options = options;
    this.scheduleSweep();
    this.scheduleConnectionSweep();
  }

  /** The target that an authority means, port 80 when it names none; undefined when it is not valid. */
  forAuthority(authority: string): Target | undefined {
    const cached = this.byAuthority.get(authority);
    if (cached !== undefined) return cached;
    if (authority.length > maxAuthorityLength) return undefined;
    // Nearly all are written in lower case. The others must not each be kept in all of their spellings.
    const folded = authority.toLowerCase();
    if (folded !== authority) return this.forAuthority(folded);
    const address = splitHostPort(authority) ?? { host: authority.replace(/^\[(.*)\]$/, '$1'), port: 80 };
    if (!isHost(address.host)) return undefined;
    const { namespace, serviceSuffix } = this.options;
    const target = this.get(targetName(address.host, address.port, namespace, serviceSuffix));
    if (target === undefined) return undefined;
    if (this.byAuthority.size >= maxAuthorities) this.byAuthority.clear();
    this.byAuthority.set(authority, target);
    return target;
  }

  forAddress(address: string, port: number): Target | undefined {
    return this.get({ kind: 'ip', host: address, given: address, port, candidates: [] });
  }

  values(): IterableIterator<Target> {
    return this.byName.values();
  }

  *balancers(): Iterable<readonly [authority: string | undefined, balancer: Balancer]> {
    for (const target of this.byName.values()) yield* target.balancers();
  }

  close(): void {
    this.closed = true;
    for (const target of this.byName.values()) target.close();
    this.byName.clear();
    this.byAuthority.clear();
  }

  /** Undefined when too many are in use. */
  private get(name: TargetName): Target | undefined {
    const key = formatHostPort(name.host, name.port);
    let target = this.byName.get(key);
    if (target === undefined && this.byName.size < maxTargets) {
      target = new Target(name, this.options);
      this.byName.set(key, target);
    }
    return target;
  }

  private scheduleSweep(): void {
    const { clock, idleMs } = this.options;
    clock.after(Math.max(100, idleMs / 2), () => {
      if (this.closed) return;
      const nowMs = clock.nowMs();
      const idle = new Set<Target>();
      for (const [key, target] of this.byName) {
        if (!target.isIdle(nowMs, idleMs)) continue;
        target.close();
        this.byName.delete(key);
        idle.add(target);
      }
      if (idle.size > 0) {
        for (const [authority, target] of this.byAuthority) if (idle.has(target)) this.byAuthority.delete(authority);
      }
      this.scheduleSweep();
    });
  }

  private scheduleConnectionSweep(): void {
    // What was not used between two sweeps is closed: so that is half of the time.
    this.options.clock.after(this.options.http1IdleMs / 2, () => {
      if (this.closed) return;
      for (const target of this.byName.values()) target.sweep();
      this.scheduleConnectionSweep();
    });
  }
}

/** A colon stands in an address only: with anything else it is a port that is none. */
const isHost = (host: string): boolean => host !== '' && (!/[\s/?#@:[\]]/.test(host) || parseIp(host) !== undefined);
