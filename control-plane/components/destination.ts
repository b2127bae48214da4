import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Logger } from 'pino';
import { Counter, Gauge, Registry } from 'prom-client';
import { inboundPolicies } from '../../lib/contract/inbound-policies.ts';
import { defaultEgressNamespace, statusLease } from '../../lib/contract/names.ts';
import { PortSet } from '../../lib/contract/port-list.ts';
import { defaultOpaquePorts, meshPorts } from '../../lib/contract/ports.ts';
import { defaultClusterNetworks } from '../../lib/inject/index.ts';
import type { ClusterConfig } from '../cluster/cluster-config.ts';
import { ClusterIndex } from '../cluster/cluster-index.ts';
import { Topics } from '../cluster/topics.ts';
import { destinationService } from '../destination/destination-service.ts';
import type { KubernetesApi } from '../kubernetes/api.ts';
import { PolicyIndex } from '../policy/index/policy-index.ts';
import { policyTopics } from '../policy/index/policy-topics.ts';
import { fetchKeySet } from '../policy/key-sets/fetch-key-set.ts';
import { KeySets } from '../policy/key-sets/key-sets.ts';
import { policyServices } from '../policy/policy-services.ts';
import { type StatusLeader, startStatusLeader } from '../policy/status/status-leader.ts';
import { type Component, startComponent } from '../serving/component.ts';
import type { FlagReader, Flags } from '../serving/flags.ts';
import { openSources, readSources, sourceFlags } from '../sources/open-source.ts';
import { startValidators, validatorFlags, validatorSettings } from '../webhook/validators.ts';

export const destinationFlags = {
  addr: { type: 'string' },
  'policy-addr': { type: 'string' },
  'admin-addr': { type: 'string' },
  ...sourceFlags,
  'trust-domain': { type: 'string' },
  'cluster-domain': { type: 'string' },
  'mesh-namespace': { type: 'string' },
  'egress-namespace': { type: 'string' },
  'default-opaque-ports': { type: 'string' },
  'default-inbound-policy': { type: 'string' },
  'cluster-networks': { type: 'string' },
  'enable-ipv6': { type: 'string' },
  'jwks-networks': { type: 'string' },
  'jwks-authorities-file': { type: 'string' },
  ...validatorFlags,
} as const;

const userAgent = 'tulle-destination';

function destinationSettings(flags: FlagReader) {
  return {
    sources: readSources(flags),
    admin: flags.address('admin-addr', `0.0.0.0:${meshPorts.destinationAdmin}`),
    grpc: [
      flags.address('addr', `0.0.0.0:${meshPorts.destination}`),
      flags.address('policy-addr', `0.0.0.0:${meshPorts.policy}`),
    ],
    validators: validatorSettings(flags),
    jwks: {
      networks: flags.isSet('jwks-networks') ? flags.networks('jwks-networks', '') : [],
      authorities: flags.certificates('jwks-authorities-file'),
    },
    config: {
      meshNamespace: flags.dnsName('mesh-namespace', 'tulle'),
      trustDomain: flags.dnsName('trust-domain', 'cluster.local'),
      clusterDomain: flags.dnsName('cluster-domain', 'cluster.local'),
      egressNamespace: flags.dnsName('egress-namespace', defaultEgressNamespace),
      opaquePorts: flags.ports('default-opaque-ports', defaultOpaquePorts) ?? noPorts,
      inboundPolicy: flags.oneOf('default-inbound-policy', inboundPolicies, 'all-unauthenticated'),
      clusterNetworks: flags.networks('cluster-networks', defaultClusterNetworks.join(',')),
      ipv6: flags.onOff('enable-ipv6', false),
    } satisfies ClusterConfig,
  };
}

/**
 * Starts the destination component: discovery and policy, both on either address. Health is served at once; the rest, and
 * with it what is returned, once the source has been read: proxies must not hear of less than there is.
 */
export async function startDestination(flags: Flags, log: Logger): Promise<Component> {
  const { sources, admin, grpc, validators: validatorOptions, jwks, config } = flags.read(destinationSettings);
  const registry = new Registry();
  // No API server when the objects are those of folders: nobody calls webhooks then, and nothing keeps a status.
  const { source, api } = await openSources(sources, { log, registry, env: process.env, userAgent });
  // One client's view that cannot be made must not cost the others theirs.
  const onFailure = (error: Error): void => log.error({ error: error.stack }, 'a change was not told to a client');
  const index = new ClusterIndex(source, new Topics({ onFailure }));
  const onProblem = (object: string, problem: string): void => log.warn({ object, problem }, 'policy not served');
  const keySets = fetchedKeySets(jwks, config, index.topics, registry, log);
  const policyIndex = new PolicyIndex(source, onProblem, index.topics, keySets);
  const policy = policyServices({ cluster: index, policy: policyIndex, config }, registry, (key, error) =>
    log.error({ policy: key, error: error.stack }, 'a policy cannot be made'),
  );
  const { meshNamespace, clusterNetworks } = config;
  // What has API servers call webhooks is of the whole cluster, which somebody with some namespaces of it cannot have.
  const validated = 'all' in sources.scope ? api : undefined;
  const validators =
    validated &&
    startValidators({ ...validatorOptions, meshNamespace, clusterNetworks, api: validated, log, registry });
  // A status tells of the object in the cluster, and under others that may not be the one that counts.
  const reported = sources.sources.length === 1 ? api : undefined;
  let status: StatusLeader | undefined;
  const synced = source.synced.then(() => {
    log.info({ services: index.services.size, pods: index.pods.size }, 'objects read');
    status = reported && statusLeader(reported, policyIndex, config, log);
  });
  return startComponent({
    log,
    registry,
    admin,
    grpc,
    services: [destinationService(index, config, log, registry), policy.inbound, policy.outbound],
    https: validators?.https,
    serveAfter: synced,
    // Not of the validators: discovery goes on without them, and the failure policy is theirs.
    ready: () => true,
    async close() {
      validators?.close();
      index.close();
      policyIndex.close();
      keySets.close();
      await status?.close();
      // With the connections to the API server, which the others used as well.
      source.close();
    },
  });
}

/** The keys of issuers, fetched by this component for all sidecars that it tells of them. */
function fetchedKeySets(
  { networks, authorities }: { networks: readonly string[]; authorities: string | undefined },
  { clusterNetworks }: ClusterConfig,
  topics: Topics,
  registry: Registry,
  log: Logger,
): KeySets {
  const registers = [registry];
  const fetches = new Counter({
    name: 'policy_key_set_fetches_total',
    help: 'Fetches of the keys that tokens of end users are checked with.',
    labelNames: ['result'],
    registers,
  });
  const keySets = new KeySets({
    fetch: (url) =>
      fetchKeySet(url, { networks, clusterNetworks, authorities: authorities === undefined ? [] : [authorities] }),
    onChange: (url) => {
      topics.touch(policyTopics.keySet(url));
      topics.touch(policyTopics.attachments);
    },
    onFailed: (url, detail) => log.warn({ url, detail }, 'keys of an issuer not fetched'),
    onFetched: (result) => fetches.inc({ result }),
    nowMs: () => performance.now(),
    random: Math.random,
  });
  new Gauge({
    name: 'policy_key_sets',
    help: 'URLs that keys of issuers are fetched from.',
    registers,
    collect() {
      this.set(keySets.size);
    },
  });
  return keySets;
}

function statusLeader(
  api: KubernetesApi,
  index: PolicyIndex,
  { meshNamespace, clusterNetworks }: ClusterConfig,
  log: Logger,
): StatusLeader {
  return startStatusLeader({
    api,
    index,
    clusterNetworks,
    log,
    namespace: meshNamespace,
    lease: statusLease,
    replica: `${hostname()}-${randomUUID()}`,
    now: () => new Date(),
    monotonicMs: () => performance.now(),
    random: Math.random,
  });
}

/** In place of what cannot be read, until that is told. */
const noPorts = new PortSet([]);
