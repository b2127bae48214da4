import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Logger } from 'pino';
import { Registry } from 'prom-client';
import { Destination } from '../../api/gen/destination_pb.js';
import { InboundServerPolicies } from '../../api/gen/inbound_pb.js';
import { OutboundPolicies } from '../../api/gen/outbound_pb.js';
import { grpcService } from '../../api/grpc.ts';
import { defaultClusterNetworks, defaultOpaquePorts } from '../../lib/inject/index.ts';
import { statusLease } from '../../lib/inject/names.ts';
import { type ClusterConfig, parsePortSet } from '../cluster/cluster-config.ts';
import { ClusterIndex } from '../cluster/cluster-index.ts';
import { defaultInboundPolicies, isDefaultInboundPolicy } from '../cluster/inbound-policies.ts';
import { type Component, startComponent } from '../component.ts';
import { FlagError, type Flags } from '../flags.ts';
import { connectToCluster } from '../kubernetes/connect.ts';
import { PolicyIndex } from '../policy/index/policy-index.ts';
import { policyServices } from '../policy/policy-services.ts';
import { type StatusLeader, startStatusLeader } from '../policy/status/status-leader.ts';
import { openSource } from '../sources/open-source.ts';
import { startValidators, validatorFlags } from '../webhook/validators.ts';
import { destinationService } from './destination-service.ts';

export const destinationFlags = {
  addr: { type: 'string' },
  'policy-addr': { type: 'string' },
  'admin-addr': { type: 'string' },
  source: { type: 'string' },
  kubeconfig: { type: 'string' },
  'trust-domain': { type: 'string' },
  'cluster-domain': { type: 'string' },
  'mesh-namespace': { type: 'string' },
  'default-opaque-ports': { type: 'string' },
  'default-inbound-policy': { type: 'string' },
  'cluster-networks': { type: 'string' },
  'enable-ipv6': { type: 'string' },
  ...validatorFlags,
} as const;

/**
 * Starts the destination component: discovery and policy, both on either address. Health is served at once; the rest, and
 * with it what is returned, once the source has been read: proxies must not hear of less than there is.
 */
export async function startDestination(flags: Flags, log: Logger): Promise<Component> {
  const registry = new Registry();
  const config = clusterConfig(flags);
  const source = await openSource({
    names: flags.list('source', ''),
    kubeconfig: flags.optional('kubeconfig'),
    log,
    registry,
    env: process.env,
  });
  // One client's view that cannot be made must not cost the others theirs.
  const onFailure = (error: Error): void => log.error({ error: error.stack }, 'a change was not told to a client');
  const index = new ClusterIndex(source, onFailure);
  const onProblem = (object: string, problem: string): void => log.warn({ object, problem }, 'policy not served');
  const policyIndex = new PolicyIndex(source, onProblem, onFailure);
  const policy = policyServices({ cluster: index, policy: policyIndex, config }, registry);
  const validators = await startValidators(flags, log, registry);
  const status = await statusWriter(flags, log);
  const synced = source.synced.then(() => {
    log.info({ services: index.services.size, pods: index.pods.size }, 'objects read');
    status?.start(policyIndex);
  });
  return startComponent({
    log,
    registry,
    admin: flags.address('admin-addr', '0.0.0.0:9996'),
    grpc: [flags.address('addr', '0.0.0.0:8086'), flags.address('policy-addr', '0.0.0.0:8090')],
    services: [
      { definition: grpcService(Destination), handlers: destinationService(index, config, log, registry) },
      { definition: grpcService(InboundServerPolicies), handlers: policy.inbound },
      { definition: grpcService(OutboundPolicies), handlers: policy.outbound },
    ],
    https: validators?.https,
    serveAfter: synced,
    // Not of the validators: discovery goes on without them, and the failure policy is theirs.
    ready: () => true,
    async close() {
      validators?.close();
      index.close();
      policyIndex.close();
      source.close();
      await status?.close();
    },
  });
}

/** Undefined when the objects are not those of an API server, which would keep the status. */
async function statusWriter(flags: Flags, log: Logger) {
  if (!flags.list('source', '').includes('kubernetes')) return undefined;
  const api = await connectToCluster({
    kubeconfig: flags.optional('kubeconfig'),
    env: process.env,
    onProblem: (problem) => log.error({ problem }, 'credentials cannot be read'),
    userAgent: 'tulle-policy-status',
  });
  let leader: StatusLeader | undefined;
  return {
    start(index: PolicyIndex): void {
      leader = startStatusLeader({
        api,
        index,
        log,
        namespace: flags.text('mesh-namespace', 'tulle'),
        lease: statusLease,
        replica: `${hostname()}-${randomUUID()}`,
        now: () => new Date(),
        monotonicMs: () => performance.now(),
        random: Math.random,
      });
    },
    async close(): Promise<void> {
      await leader?.close();
      api.close();
    },
  };
}

function clusterConfig(flags: Flags): ClusterConfig {
  const inboundPolicy = flags.text('default-inbound-policy', 'all-unauthenticated');
  if (!isDefaultInboundPolicy(inboundPolicy)) {
    throw new FlagError(
      `--default-inbound-policy (${inboundPolicy}) must be one of ${defaultInboundPolicies.join(', ')}`,
    );
  }
  const opaque = flags.list('default-opaque-ports', defaultOpaquePorts).join(',');
  const opaquePorts = parsePortSet(opaque);
  if (opaquePorts === undefined)
    throw new FlagError(`--default-opaque-ports (${opaque}) must be ports and ranges such as 25,9200-9300`);
  const enabled = flags.text('enable-ipv6', 'false');
  if (!['true', 'false'].includes(enabled)) throw new FlagError(`--enable-ipv6 (${enabled}) must be true or false`);
  const ipv6 = enabled === 'true';
  return {
    meshNamespace: flags.text('mesh-namespace', 'tulle'),
    trustDomain: flags.text('trust-domain', 'cluster.local'),
    clusterDomain: flags.text('cluster-domain', 'cluster.local'),
    opaquePorts,
    inboundPolicy,
    clusterNetworks: flags.list('cluster-networks', defaultClusterNetworks.join(',')),
    ipv6,
  };
}
