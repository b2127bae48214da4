import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Logger } from 'pino';
import { Registry } from 'prom-client';
import { identityAudience } from '../../lib/contract/names.ts';
import { meshPorts } from '../../lib/contract/ports.ts';
import { type ClusterCredentialsOptions, clusterCredentials } from '../identity/cluster-credentials.ts';
import type { Credentials } from '../identity/credentials.ts';
import { fileCredentials } from '../identity/file-credentials.ts';
import { identityService } from '../identity/identity-service.ts';
import { connectToCluster } from '../kubernetes/connect.ts';
import { type Component, startComponent } from '../serving/component.ts';
import type { FlagReader, Flags } from '../serving/flags.ts';
import { KubernetesSource } from '../sources/kubernetes-source.ts';
import { scopeOf } from '../sources/scope.ts';

export const identityFlags = {
  addr: { type: 'string' },
  'admin-addr': { type: 'string' },
  'trust-domain': { type: 'string' },
  'mesh-namespace': { type: 'string' },
  'issuance-lifetime': { type: 'string' },
  'clock-skew-allowance': { type: 'string' },
  // From files:
  'trust-anchors-file': { type: 'string' },
  'issuer-cert-file': { type: 'string' },
  'issuer-key-file': { type: 'string' },
  'jwks-file': { type: 'string' },
  // From a cluster:
  kubernetes: { type: 'boolean' },
  namespaces: { type: 'string', multiple: true },
  kubeconfig: { type: 'string' },
  tokens: { type: 'string' },
  'anchor-lifetime': { type: 'string' },
  'issuer-lifetime': { type: 'string' },
  issuer: { type: 'string' },
} as const;

function identitySettings(flags: FlagReader) {
  return {
    admin: flags.address('admin-addr', `0.0.0.0:${meshPorts.identityAdmin}`),
    grpc: flags.address('addr', `0.0.0.0:${meshPorts.identity}`),
    meshNamespace: flags.dnsName('mesh-namespace', 'tulle'),
    trustDomain: flags.dnsName('trust-domain', 'cluster.local'),
    clockSkewMs: flags.durationMs('clock-skew-allowance', '20s'),
    issuanceLifetimeMs: flags.durationMs('issuance-lifetime', '24h', 1000),
    from: flags.isSet('kubernetes') ? clusterSettings(flags) : fileSettings(flags),
  };
}

function clusterSettings(flags: FlagReader) {
  return {
    kind: 'cluster' as const,
    kubeconfig: flags.optional('kubeconfig'),
    scope: scopeOf(flags.namespaces('namespaces')),
    tokens: flags.oneOf('tokens', ['review', 'published-keys'], 'review'),
    anchorLifetimeMs: flags.durationMs('anchor-lifetime', '3650d', 1000),
    issuerLifetimeMs: flags.durationMs('issuer-lifetime', '365d', 1000),
    issuerIsGiven: flags.oneOf('issuer', ['made', 'given'], 'made') === 'given',
  };
}

function fileSettings(flags: FlagReader) {
  if (flags.isSet('namespaces')) flags.problems.push('--namespaces goes with --kubernetes');
  return {
    kind: 'files' as const,
    issuerCertificateFile: flags.text('issuer-cert-file'),
    issuerKeyFile: flags.text('issuer-key-file'),
    trustAnchorsFile: flags.text('trust-anchors-file'),
    keySetFile: flags.text('jwks-file'),
  };
}

/**
 * Starts the identity component: with `--kubernetes` (and, outside of a pod, `--kubeconfig FILE`) on what stands in the
 * cluster, otherwise on files. With `--namespaces shop,bank` the trust anchors are published to these alone.
 */
export async function startIdentity(
  flags: Flags,
  log: Logger,
  nowMs: () => number,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Component> {
  const { admin, grpc, from, issuanceLifetimeMs, ...mesh } = flags.read(identitySettings);
  const registry = new Registry();
  const shared = { ...mesh, log, nowMs };
  const credentials =
    from.kind === 'cluster'
      ? await fromCluster(from, { ...shared, registry }, env)
      : await fileCredentials({ ...shared, ...from, audience: identityAudience });
  const service = identityService(
    {
      ...shared,
      issuanceLifetimeMs,
      issuer: () => credentials.issuer(),
      tokens: credentials.tokens,
      onIssued: (account) => credentials.onIssued?.(account),
    },
    log,
    registry,
  );
  return startComponent({
    log,
    registry,
    admin,
    grpc: [grpc],
    services: [service],
    ready: () => canSign(credentials, nowMs()),
    close: () => credentials.close(),
  });
}

function canSign({ issuer, tokens }: Credentials, nowMs: number): boolean {
  const current = issuer();
  return current !== undefined && current.notAfter.getTime() > nowMs && tokens.ready;
}

type FromFlags =
  | 'api'
  | 'namespaces'
  | 'scope'
  | 'tokens'
  | 'anchorLifetimeMs'
  | 'issuerLifetimeMs'
  | 'issuerIsGiven'
  | 'replica'
  | 'monotonicMs'
  | 'random';

async function fromCluster(
  { kubeconfig, scope, tokens, anchorLifetimeMs, issuerLifetimeMs, issuerIsGiven }: ReturnType<typeof clusterSettings>,
  shared: Omit<ClusterCredentialsOptions, FromFlags>,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Credentials> {
  const { log, registry } = shared;
  const api = await connectToCluster({
    kubeconfig,
    env,
    onProblem: (problem) => log.error({ problem }, 'credentials of the API server not read'),
    userAgent: 'tulle-identity',
  });
  // Closes the connections to the API server too.
  const namespaces = new KubernetesSource({
    client: api,
    scope,
    log,
    registry,
    now: shared.nowMs,
    random: Math.random,
  });
  const credentials = await clusterCredentials({
    ...shared,
    api,
    namespaces,
    scope,
    tokens,
    anchorLifetimeMs,
    issuerLifetimeMs,
    issuerIsGiven,
    replica: `${hostname()}-${randomUUID()}`,
    monotonicMs: () => performance.now(),
    random: Math.random,
  });
  return {
    ...credentials,
    async close() {
      await credentials.close();
      namespaces.close();
    },
  };
}
