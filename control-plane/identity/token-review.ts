import type { V1SelfSubjectAccessReview, V1TokenReview } from '@kubernetes/client-node';
import { Counter, Gauge, type Registry } from 'prom-client';
import type { KubernetesApi } from '../kubernetes/api.ts';
import type { InJson } from '../kubernetes/in-json.ts';
import {
  type ServiceAccount,
  serviceAccountOf,
  type TokenAuthenticator,
  TokenError,
  tokenParts,
} from './token-authenticator.ts';

export interface TokenReviewOptions {
  readonly api: Pick<KubernetesApi, 'create'>;
  readonly audience: string;
  readonly registry: Registry;
}

const path = '/apis/authentication.k8s.io/v1/tokenreviews';

/**
 * Asks the API server whose token it is (authentication.k8s.io/v1 TokenReview), which also knows of tokens whose pod or
 * account is gone. A review that fails is never a pass. How many are under way at a time is up to who asks.
 */
export class TokenReviewer implements TokenAuthenticator {
  /** Whether the API server has said that this component may ask it. */
  ready = false;
  private readonly options: TokenReviewOptions;
  private readonly reviews: Counter<'result'>;
  private readonly inFlight: Gauge;

  constructor(options: TokenReviewOptions) {
    this.options = options;
    const registers = [options.registry];
    this.reviews = new Counter({
      name: 'identity_token_reviews_total',
      help: 'Tokens that the API server was asked about.',
      labelNames: ['result'] as const,
      registers,
    });
    this.inFlight = new Gauge({
      name: 'identity_token_reviews_in_flight',
      help: 'Reviews that the API server has not answered yet.',
      registers,
    });
  }

  /** Asks whether reviews are allowed. Rejects with what to do when they are not, or when the API server does not answer. */
  async checkAccess(): Promise<void> {
    if (this.ready) return;
    const { status } = await this.options.api.create<InJson<V1SelfSubjectAccessReview>>(
      '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
      {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SelfSubjectAccessReview',
        spec: { resourceAttributes: { group: 'authentication.k8s.io', resource: 'tokenreviews', verb: 'create' } },
      },
    );
    if (status?.allowed !== true) {
      throw new Error(
        `creating tokenreviews is not allowed (${status?.reason ?? ''}): grant it, or use --jwks-api-server`,
      );
    }
    this.ready = true;
  }

  async authenticate(token: string): Promise<ServiceAccount> {
    tokenParts(token);
    const { status = {} } = await this.review(token.trim());
    const { authenticated = false, error, audiences = [], user } = status;
    const { audience } = this.options;
    // A server that knows no audiences answers without any: it would take a token that was meant for something else.
    const taken = authenticated && (error ?? '') === '' && audiences.includes(audience);
    this.reviews.inc({ result: taken ? 'authenticated' : 'refused' });
    if (taken) return serviceAccountOf(user?.username);
    const why = error || (authenticated ? `it is not for ${audience}` : 'it is not known');
    throw new TokenError('not authenticated', `the API server does not take the token: ${why}`);
  }

  private async review(token: string): Promise<InJson<V1TokenReview>> {
    const { api, audience } = this.options;
    const request = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenReview',
      spec: { token, audiences: [audience] },
    };
    this.inFlight.inc();
    try {
      return await api.create<InJson<V1TokenReview>>(path, request);
    } catch (error) {
      this.reviews.inc({ result: 'review failed' });
      throw new TokenError('review failed', `the token could not be reviewed: ${(error as Error).message}`);
    } finally {
      this.inFlight.dec();
    }
  }
}
