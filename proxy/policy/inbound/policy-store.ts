import { create } from '@bufbuild/protobuf';
import { InboundServerPolicies, PortSpecSchema } from '../../../api/gen/inbound_pb.js';
import type { Clock } from '../../clock.ts';
import type { GrpcChannel } from '../../control/grpc/grpc-channel.ts';
import { Watch } from '../../control/watch.ts';
import type { Log } from '../../telemetry/log.ts';
import type { IpNetwork } from '../../wire/ip-network.ts';
import { type DefaultPolicy, defaultServerPolicy } from './default-policy.ts';
import { serverPolicyFromApi } from './from-api.ts';
import type { ServerPolicy } from './server-policy.ts';

export interface PolicyStoreOptions {
  clock: Clock;
  log: Log;
  /** Undefined when no policy component is configured: defaults only. */
  channel: (() => GrpcChannel) | undefined;
  workload: string;
  defaultPolicy: DefaultPolicy;
  clusterNetworks: readonly IpNetwork[];
  detectTimeoutMs: number;
  opaquePorts: ReadonlySet<number>;
  requireIdentityPorts: ReadonlySet<number>;
}

/** The policy of one port, as of now. */
export class PortPolicy {
  current: ServerPolicy;
  private readonly listeners = new Set<() => void>();

  constructor(initial: ServerPolicy) {
    this.current = initial;
  }

  replace(policy: ServerPolicy): void {
    this.current = policy;
    for (const listener of [...this.listeners]) listener();
  }

  /** Calls `listener` on each change until the returned function is called. */
  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}

/** Ports beyond those of the workload that are watched; the rest has the default policy. */
const maxPorts = 1000;

/** The policies of this workload's ports, watched from the control plane; the default one until it has spoken. */
export class PolicyStore {
  private readonly options: PolicyStoreOptions;
  private readonly ports = new Map<number, PortPolicy>();
  private readonly watches: { close(): void }[] = [];

  constructor(options: PolicyStoreOptions) {
    this.options = options;
  }

  port(port: number): PortPolicy {
    let policy = this.ports.get(port);
    if (policy === undefined) {
      policy = new PortPolicy(this.initial(port));
      if (this.ports.size < maxPorts) {
        this.ports.set(port, policy);
        this.watch(port, policy);
      }
    }
    return policy;
  }

  close(): void {
    for (const watch of this.watches) watch.close();
  }

  private initial(port: number): ServerPolicy {
    const { defaultPolicy, clusterNetworks, detectTimeoutMs, opaquePorts, requireIdentityPorts } = this.options;
    return defaultServerPolicy(defaultPolicy, {
      clusterNetworks,
      detectTimeoutMs,
      opaque: opaquePorts.has(port),
      requireIdentity: requireIdentityPorts.has(port),
    });
  }

  private watch(port: number, policy: PortPolicy): void {
    const { channel, clock, log, workload, detectTimeoutMs } = this.options;
    if (channel === undefined) return;
    const watch = new Watch({
      channel,
      method: InboundServerPolicies.method.watchPort,
      request: create(PortSpecSchema, { workload, port }),
      timers: clock,
      random: clock.random,
      onMessage: (server) => policy.replace(serverPolicyFromApi(server, detectTimeoutMs)),
      onRefused: (_code, detail) => {
        log.warn('no policy for a port of this workload: its default holds', { port, detail });
        policy.replace(this.initial(port));
      },
    });
    this.watches.push(watch);
  }
}
