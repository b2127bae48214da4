import type { Clock } from '../clock.ts';
import type { ProxyConfig } from '../config.ts';
import { KnownTargets } from '../discovery/known-targets.ts';
import { Targets, type TargetsOptions } from '../outbound/targets.ts';
import { PolicyStore } from '../policy/inbound/policy-store.ts';
import type { Log } from '../telemetry/log.ts';
import { parseIp } from '../wire/ip-network.ts';
import type { ControlPlane } from './control-plane.ts';

/** What the policy component says of the workload's ports, followed; the defaults of `config` until then. */
export function policiesOf(
  {
    config,
    clock,
    log,
    processes,
    onReadyChanged,
  }: { config: ProxyConfig; clock: Clock; log: Log; processes: number; onReadyChanged: () => void },
  { policy }: ControlPlane,
): PolicyStore {
  return new PolicyStore({
    clock,
    log,
    channel: policy && (() => policy.channel()),
    workload: config.policy.workload,
    // Whom the admin server tells is a matter of policy, too.
    ports: [...config.inbound.ports, ...config.admin.listen.map(({ port }) => port)],
    defaultPolicy: config.inbound.defaultPolicy,
    clusterNetworks: config.policy.clusterNetworks,
    detectTimeoutMs: config.inbound.detectTimeoutMs,
    opaquePorts: config.inbound.opaquePorts,
    requireIdentityPorts: config.inbound.requireIdentityPorts,
    requireTlsPorts: config.inbound.requireTlsPorts,
    processes,
    idleMs: config.inbound.discoveryIdleMs,
    onSettled: () => onReadyChanged(),
  });
}

/** What discovery says of the targets that the workload calls, followed. */
export function targetsOf(
  config: ProxyConfig,
  { destination, policy }: ControlPlane,
  parts: Pick<TargetsOptions, 'clock' | 'deadlines' | 'log' | 'metrics' | 'dialer' | 'traces'>,
): Targets {
  return new Targets({
    ...parts,
    channel: () => destination.channel(),
    context: config.destination.context,
    ownAddresses: config.inbound.ips,
    known: new KnownTargets(),
    namespace: config.destination.namespace,
    serviceSuffix: config.destination.serviceSuffix,
    discoverable: (address) => {
      const ip = parseIp(address);
      return ip !== undefined && config.destination.networks.some((network) => network.contains(ip));
    },
    failfastMs: config.outbound.failfastMs,
    discoveryTimeoutMs: config.destination.initialTimeoutMs,
    policy: policy && { channel: () => policy.channel(), workload: config.policy.workload },
    queueCapacity: config.outbound.queueCapacity,
    http1OverHttp2: config.outbound.http1OverHttp2,
    idleMs: config.outbound.discoveryIdleMs,
    http1IdleMs: config.outbound.http1IdleMs,
  });
}
