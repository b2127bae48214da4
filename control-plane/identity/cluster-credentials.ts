import { setTimeout as setTimeoutPromise } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { controlPlaneNamespaceLabel } from '../../lib/contract/labels.ts';
import { anchorSecret, identityAudience, issuerSecret, trustRootsConfigMap } from '../../lib/contract/names.ts';
import type { KubernetesApi } from '../kubernetes/api.ts';
import { EventRecorder } from '../kubernetes/events.ts';
import { LeaderElection } from '../kubernetes/leader-election.ts';
import type { ObjectSource } from '../sources/object-source.ts';
import type { Scope } from '../sources/scope.ts';
import type { Credentials } from './credentials.ts';
import { IssuerKeeper } from './issuer-keeper.ts';
import { KeySetAuthenticator, PublishedKeys } from './key-set-authenticator.ts';
import { MeshAuthority } from './mesh-authority.ts';
import type { TokenAuthenticator } from './token-authenticator.ts';
import { TokenReviewer } from './token-review.ts';
import { TrustRootsPublisher } from './trust-roots-publisher.ts';

export interface ClusterCredentialsOptions {
  readonly api: KubernetesApi;
  readonly namespaces: Pick<ObjectSource, 'watch'>;
  /** Where `namespaces` are from. */
  readonly scope: Scope;
  readonly meshNamespace: string;
  readonly trustDomain: string;
  /** `review` asks the API server about each token, `published-keys` checks tokens with the keys that it publishes. */
  readonly tokens: 'review' | 'published-keys';
  readonly clockSkewMs: number;
  readonly anchorLifetimeMs: number;
  readonly issuerLifetimeMs: number;
  /** Whether the issuer is waited for instead of made. */
  readonly issuerIsGiven: boolean;
  /** How often Secrets and ConfigMap are looked at; 5 s by default. */
  readonly intervalMs?: number;
  /** Unique for each replica. */
  readonly replica: string;
  readonly log: Logger;
  readonly registry: Registry;
  readonly nowMs: () => number;
  /** Milliseconds that never go back. */
  readonly monotonicMs: () => number;
  readonly random: () => number;
}

const component = 'tulle-identity';
const accessRetryMs = 2000;
const firstLookMs = 5000;

/**
 * Issuer and trust anchors from Secrets and a ConfigMap, made and renewed here where nobody gave any; tokens checked by
 * the API server; and the anchors published to all namespaces by one of the replicas.
 */
export async function clusterCredentials(options: ClusterCredentialsOptions): Promise<Credentials> {
  const { api, meshNamespace, log, registry, nowMs, random } = options;
  const labels = { [controlPlaneNamespaceLabel]: meshNamespace };
  const events = new EventRecorder({
    api,
    component,
    registry,
    now: nowMs,
    random,
    onProblem: (problem) => log.warn({ problem }, 'events not written'),
  });
  const deployment = { apiVersion: 'apps/v1', kind: 'Deployment', name: component, namespace: meshNamespace };

  const publisher = new TrustRootsPublisher({
    api,
    namespaces: options.namespaces,
    scope: options.scope,
    name: trustRootsConfigMap,
    meshNamespace,
    log,
    registry,
  });
  const authority = new MeshAuthority({
    ...options,
    names: { anchorSecret, issuerSecret, trustRootsConfigMap },
    labels,
    onProblem: (problem) => log.error({ problem }, 'certificate not renewed'),
  });
  const issuer = new IssuerKeeper({
    reconcile: () => authority.reconcile(),
    log,
    registry,
    nowMs,
    onEvent: (type, reason, message) => events.record(deployment, { type, reason, message }),
    onTrustAnchors: (bundle) => publisher.setBundle(bundle),
    intervalMs: options.intervalMs,
  });
  const leader = new LeaderElection({
    api,
    namespace: meshNamespace,
    name: component,
    identity: options.replica,
    onElected: () => publisher.setActive(true),
    onLost: () => publisher.setActive(false),
    onProblem: (problem) => log.warn({ problem }, 'leader election'),
    now: options.monotonicMs,
    date: () => new Date(nowMs()),
    random,
  });
  const tokens = tokenAuthenticator(options);
  leader.start();
  // Without an API server the component serves nobody, but lives and says so.
  const firstLook = Promise.all([issuer.refresh(), tokens.start()]);
  await Promise.race([firstLook, setTimeoutPromise(firstLookMs, undefined, { ref: false })]);
  return {
    issuer: () => issuer.current,
    tokens: tokens.authenticator,
    onIssued: ({ name, namespace }) =>
      events.record(
        { apiVersion: 'v1', kind: 'ServiceAccount', name, namespace },
        // Without a time in it, a Deployment's many pods make one Event that is counted.
        {
          type: 'Normal',
          reason: 'IssuedLeafCertificate',
          message: `Issued a certificate for ${name} in ${namespace}`,
        },
      ),
    async close() {
      issuer.close();
      tokens.close();
      publisher.close();
      events.close();
      await leader.stop();
    },
  };
}

interface Tokens {
  readonly authenticator: TokenAuthenticator;
  /** Settles when it is ready or was tried once; never rejects. */
  start(): Promise<void>;
  close(): void;
}

function tokenAuthenticator({ api, tokens, clockSkewMs, nowMs, log, registry }: ClusterCredentialsOptions): Tokens {
  if (tokens === 'published-keys') {
    const keys = new PublishedKeys({ api, onProblem: (problem) => log.error({ problem }, 'key set not taken') });
    return {
      authenticator: new KeySetAuthenticator({ audience: identityAudience, clockSkewMs, nowMs }, () => keys.current),
      start: () => keys.refresh(),
      close: () => keys.close(),
    };
  }
  const reviewer = new TokenReviewer({ api, audience: identityAudience, registry });
  let retry: NodeJS.Timeout | undefined;
  const start = async (): Promise<void> => {
    try {
      await reviewer.checkAccess();
    } catch (error) {
      log.error({ problem: (error as Error).message }, 'tokens cannot be reviewed');
      retry = setTimeout(() => void start(), accessRetryMs).unref();
    }
  };
  return { authenticator: reviewer, start, close: () => clearTimeout(retry) };
}
