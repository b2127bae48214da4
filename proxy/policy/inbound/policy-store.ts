import { create } from '@bufbuild/protobuf';
import { InboundServerPolicies, PortSpecSchema } from '../../../api/gen/inbound_pb.js';
import type { Clock, TimerHandle } from '../../clock.ts';
import type { GrpcChannel } from '../../control/grpc/grpc-channel.ts';
import { Watch } from '../../control/watch.ts';
import type { Log } from '../../telemetry/log.ts';
import type { IpNetwork } from '../../wire/ip-network.ts';
import { type DefaultPolicy, defaultServerPolicy } from './default-policy.ts';
import { serverPolicyFromApi } from './from-api.ts';
import { PortPolicy } from './port-policy.ts';
import type { ServerPolicy } from './server-policy.ts';
import { WatchedPort } from './watched-port.ts';

export interface PolicyStoreOptions {
  clock: Clock;
  log: Log;
  /** Undefined when no policy component is configured: defaults only. */
  channel: (() => GrpcChannel) | undefined;
  workload: string;
  /** Ports that the workload declares: watched from `start` on, and never given up. */
  ports: readonly number[];
  /** What holds where no policy component is configured, and at declared ports from `takeDefaults` on. */
  defaultPolicy: DefaultPolicy;
  clusterNetworks: readonly IpNetwork[];
  detectTimeoutMs: number;
  opaquePorts: ReadonlySet<number>;
  requireIdentityPorts: ReadonlySet<number>;
  requireTlsPorts: ReadonlySet<number>;
  /** How many processes of this proxy share the ports, 1 by default: each counts its part of a rate limit. */
  processes?: number;
  /**
   * How long a connection waits for the first word on its port, 3000 by default: one try to connect to a replica of the
   * policy component takes at most as long, and a client that a probe or a user stands behind seldom waits longer.
   */
  firstAnswerMs?: number;
  /** `settled` has become true. */
  onSettled?: () => void;
  /** How long a port that the workload does not declare is watched after its last connection, 60,000 by default. */
  idleMs?: number;
  /**
   * How many of those are watched at a time, 64 by default: the streams of a connection to the policy component are
   * limited, and declared ports and targets need theirs.
   */
  maxUndeclared?: number;
}

/** A port is watched for so long at least, so that connections to ever new ports are no flood for the policy component. */
const shortestWatchMs = 1000;
/** How often the log is told of refusals. */
const logIntervalMs = 10_000;

/**
 * The policies of this workload's ports, watched from the control plane.
 *
 * What is known stays in force, whatever becomes of the control plane: only another word of it changes a policy, and
 * NOT_FOUND, which it also says as long as it has not heard of the pod, is none.
 *
 * What is not known yet is waited for, since a guess would let in whom a Server keeps out: by a connection for a few
 * seconds, after which it is refused, and by the pod's readiness. Who owns the store says for how long: then the
 * workload's own ports have the default policy that it was injected with, closed where that is closed.
 *
 * Whoever can connect can name any port, above all in a transport header. So a port that the workload does not declare
 * is watched only while it is used and for a while after; when there are too many, one that is idle makes room, and
 * when none is, the connection is refused.
 */
export class PolicyStore {
  private readonly options: PolicyStoreOptions;
  private readonly firstAnswerMs: number;
  private readonly idleMs: number;
  private readonly maxUndeclared: number;
  private readonly declared = new Map<number, WatchedPort>();
  private readonly undeclared = new Map<number, WatchedPort>();
  private readonly released = (watched: WatchedPort): void => {
    watched.users--;
    watched.idleSinceMs = this.options.clock.nowMs();
    this.scheduleSweep();
  };
  /** When the defaults of declared ports come to hold. */
  private readonly defaults = new Map<number, { readonly dueMs: number; readonly timer: TimerHandle }>();
  private started = false;
  private wasSettled = false;
  private sweepTimer: TimerHandle | undefined = undefined;
  private closed = false;
  private refusals = 0;
  private loggedMs = Number.NEGATIVE_INFINITY;

  constructor(options: PolicyStoreOptions) {
    this.options = options;
    this.firstAnswerMs = options.firstAnswerMs ?? 3000;
    this.idleMs = options.idleMs ?? 60_000;
    this.maxUndeclared = options.maxUndeclared ?? 64;
    for (const port of options.ports) this.declared.set(port, this.make(port, true));
  }

  /** Asks the control plane about the ports, from when on it can be asked. For later calls it is too late. */
  start(): void {
    if (this.started || this.closed) return;
    this.started = true;
    for (const watched of this.ports()) this.follow(watched);
    this.tellSettled();
  }

  /**
   * Has the default hold at each declared port, or at `only` that one, of which nothing has been heard in `ms` from now. Of
   * several calls the one that is due first has its way.
   */
  takeDefaults(ms: number, only: number | undefined = undefined): void {
    const { clock } = this.options;
    const dueMs = clock.nowMs() + ms;
    for (const watched of this.declared.values()) {
      const { port } = watched;
      const pending = this.defaults.get(port);
      if ((only !== undefined && port !== only) || (pending !== undefined && pending.dueMs <= dueMs)) continue;
      clock.cancel(pending?.timer);
      this.defaults.set(port, { dueMs, timer: clock.after(ms, () => this.takeDefault(watched, ms)) });
    }
  }

  /** Each port that the workload declares has a policy: what the control plane says, or its default. */
  get settled(): boolean {
    for (const { policy } of this.declared.values()) if (policy === undefined) return false;
    return true;
  }

  /** Declared ports whose default holds, since the control plane has not spoken of them. */
  get unspoken(): number {
    let unspoken = 0;
    for (const { isDefault } of this.declared.values()) if (isDefault) unspoken++;
    return unspoken;
  }

  /** Those that are watched now. */
  *ports(): Iterable<WatchedPort> {
    yield* this.declared.values();
    yield* this.undeclared.values();
  }

  /** How many ports are watched now. */
  get size(): number {
    return this.declared.size + this.undeclared.size;
  }

  /** The policy of a connection's port; undefined when the connection is to be refused, since it cannot be watched. */
  acquire(port: number): PortPolicy | undefined {
    const watched = this.declared.get(port) ?? this.undeclared.get(port) ?? this.add(port);
    if (watched === undefined) {
      this.tellRefused(port);
      return undefined;
    }
    watched.users++;
    return new PortPolicy(watched, this.options.clock, this.firstAnswerMs, this.released);
  }

  close(): void {
    this.closed = true;
    for (const { timer } of this.defaults.values()) this.options.clock.cancel(timer);
    this.options.clock.cancel(this.sweepTimer);
    for (const watched of [...this.declared.values(), ...this.undeclared.values()]) watched.close();
  }

  private add(port: number): WatchedPort | undefined {
    if (this.closed || (this.undeclared.size >= this.maxUndeclared && !this.makeRoom())) return undefined;
    const watched = this.make(port, false);
    this.undeclared.set(port, watched);
    if (this.started) this.follow(watched);
    this.scheduleSweep();
    return watched;
  }

  private makeRoom(): boolean {
    let longest: WatchedPort | undefined;
    for (const watched of this.undeclared.values()) {
      if (watched.users === 0 && (longest === undefined || watched.idleSinceMs < longest.idleSinceMs))
        longest = watched;
    }
    if (longest === undefined || this.options.clock.nowMs() - longest.idleSinceMs < shortestWatchMs) return false;
    this.giveUp(longest);
    return true;
  }

  private giveUp(watched: WatchedPort): void {
    watched.close();
    this.undeclared.delete(watched.port);
  }

  private scheduleSweep(): void {
    if (this.sweepTimer !== undefined || this.closed) return;
    this.sweepTimer = this.options.clock.after(this.idleMs / 2, () => {
      this.sweepTimer = undefined;
      const nowMs = this.options.clock.nowMs();
      for (const watched of this.undeclared.values()) {
        if (watched.users === 0 && nowMs - watched.idleSinceMs >= this.idleMs) this.giveUp(watched);
      }
      if (this.undeclared.size > 0) this.scheduleSweep();
    });
  }

  private make(port: number, declared: boolean): WatchedPort {
    const { channel, clock } = this.options;
    return new WatchedPort(port, declared, channel === undefined ? this.initial(port) : undefined, clock.nowMs());
  }

  private follow(watched: WatchedPort): void {
    const { channel, clock, log, workload, detectTimeoutMs, processes = 1 } = this.options;
    if (channel === undefined) return;
    const { port } = watched;
    const requireTls = this.options.requireTlsPorts.has(port);
    let refused = false;
    watched.follow(
      new Watch({
        channel,
        method: InboundServerPolicies.method.watchPort,
        request: create(PortSpecSchema, { workload, port }),
        timers: clock,
        random: clock.random,
        onMessage: (server) => {
          refused = false;
          if (watched.isDefault)
            log.info('the control plane has spoken of a port: its default holds no more', { port });
          watched.isDefault = false;
          const read = serverPolicyFromApi(server, detectTimeoutMs, requireTls, processes, ({ kind, name }, why) =>
            log.warn('requests that may be of a route are refused, since it cannot be read', {
              port,
              route: `${kind}/${name}`,
              why,
            }),
          );
          watched.replace(read);
          this.tellSettled();
        },
        onRefused: (_code, detail) => {
          // It is asked again for as long as the port is watched: one line is enough.
          if (refused) return;
          refused = true;
          const holds = watched.policy === undefined ? 'connections to it wait' : 'what was known of it holds';
          log.warn(`no policy for a port of this workload: ${holds}`, { port, detail });
        },
      }),
    );
  }

  private takeDefault(watched: WatchedPort, waitedMs: number): void {
    if (watched.policy !== undefined) return;
    const { port } = watched;
    const policy = this.initial(port);
    this.options.log.warn('the control plane has not spoken of a port of this workload: its default holds', {
      port,
      within: `${waitedMs} ms`,
      default: policy.labels.name,
    });
    watched.isDefault = true;
    watched.replace(policy);
    this.tellSettled();
  }

  private tellSettled(): void {
    if (this.wasSettled || !this.settled) return;
    this.wasSettled = true;
    this.options.onSettled?.();
  }

  private initial(port: number): ServerPolicy {
    const { defaultPolicy, clusterNetworks, detectTimeoutMs, opaquePorts, requireIdentityPorts, requireTlsPorts } =
      this.options;
    return defaultServerPolicy(defaultPolicy, {
      clusterNetworks,
      detectTimeoutMs,
      opaque: opaquePorts.has(port),
      requireIdentity: requireIdentityPorts.has(port),
      requireTls: requireTlsPorts.has(port),
    });
  }

  private tellRefused(port: number): void {
    this.refusals++;
    const nowMs = this.options.clock.nowMs();
    if (nowMs - this.loggedMs < logIntervalMs) return;
    this.loggedMs = nowMs;
    this.options.log.warn('connections refused, since the policies of too many ports are in use', {
      port,
      ports: this.undeclared.size,
      refused: this.refusals,
    });
    this.refusals = 0;
  }
}
