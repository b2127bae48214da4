import type { ControlAddress } from '../control/control-address.ts';
import type { EnvParser } from '../env-parser.ts';
import type { IpNetwork } from '../wire/ip-network.ts';
import { controlAddress, networks, noAddress } from './address.ts';

export interface DestinationConfig {
  /** `DESTINATION_SVC_ADDR`, `DESTINATION_SVC_NAME`: while it does not answer, what is known is used. */
  readonly address: ControlAddress;
  /** `DESTINATION_CONTEXT`: who asks, passed on as it is. */
  readonly context: string;
  /** Namespace of this workload, from the context; completes short names in explicit mode. */
  readonly namespace: string;
  /** The first of `DESTINATION_PROFILE_SUFFIXES`. Default svc.cluster.local. */
  readonly serviceSuffix: string;
  /** `DESTINATION_PROFILE_NETWORKS`: addresses that are looked up; others are forwarded to as they are. Default: all. */
  readonly networks: readonly IpNetwork[];
  /**
   * `DESTINATION_PROFILE_INITIAL_TIMEOUT`: how long a connection waits to be told what its target speaks; then it is
   * detected. Default 500 ms.
   */
  readonly initialTimeoutMs: number;
}

export interface PolicyConfig {
  /** `POLICY_SVC_ADDR`, `POLICY_SVC_NAME`. Default: undefined, the default policy alone is in force. */
  readonly address: ControlAddress | undefined;
  /**
   * `POLICY_INITIAL_TIMEOUT`: how long, from the first certificate on, a pod that declares ports is not ready for want of
   * the first word on each of them; then the default policy holds there. Default 10 s.
   */
  readonly initialTimeoutMs: number;
  /** `POLICY_WORKLOAD`: who asks, passed on as it is. */
  readonly workload: string;
  /** `POLICY_CLUSTER_NETWORKS`: who the `cluster-*` default policies mean. Default: the private networks of IPv4. */
  readonly clusterNetworks: readonly IpNetwork[];
}

export function destinationConfig(env: EnvParser): DestinationConfig {
  const context = env.text('DESTINATION_CONTEXT') ?? '{}';
  return {
    address: controlAddress(env, 'DESTINATION', 'where services are looked up') ?? noAddress,
    context,
    namespace: namespaceOf(env, context),
    serviceSuffix: (env.text('DESTINATION_PROFILE_SUFFIXES') ?? 'svc.cluster.local.').split(',')[0].replace(/\.$/, ''),
    networks: networks(env, 'DESTINATION_PROFILE_NETWORKS', '0.0.0.0/0,::/0'),
    initialTimeoutMs: env.durationMs('DESTINATION_PROFILE_INITIAL_TIMEOUT', 500),
  };
}

export function policyConfig(env: EnvParser): PolicyConfig {
  const clusterNetworks = '10.0.0.0/8,100.64.0.0/10,172.16.0.0/12,192.168.0.0/16';
  const isWatched = env.text('POLICY_SVC_ADDR') !== undefined;
  if (!isWatched) env.passOver('POLICY_SVC_');
  return {
    address: isWatched ? controlAddress(env, 'POLICY', 'where policy is watched') : undefined,
    initialTimeoutMs: env.durationMs('POLICY_INITIAL_TIMEOUT', 10_000),
    workload: env.text('POLICY_WORKLOAD') ?? '',
    clusterNetworks: networks(env, 'POLICY_CLUSTER_NETWORKS', clusterNetworks),
  };
}

function namespaceOf(env: EnvParser, context: string): string {
  try {
    const value: unknown = JSON.parse(context);
    if (typeof value === 'object' && value !== null) {
      const { ns } = value as { ns?: unknown };
      return typeof ns === 'string' ? ns : '';
    }
  } catch {
    // Told below, like any other form that is not the one expected.
  }
  if (context.startsWith('ns:')) return context.slice(3);
  env.bad('DESTINATION_CONTEXT', context, 'must be JSON such as {"ns":"shop","nodeName":"node-1","pod":"web-1"}');
  return '';
}
