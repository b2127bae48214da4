import { Counter, Gauge, type Registry } from 'prom-client';
import type { KubernetesApi } from '../kubernetes/api.ts';
import { BoundedWork, OverloadError } from './bounded-work.ts';
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
  /** Reviews under way at a time; 50 by default. */
  readonly concurrency?: number;
  /** Requests that may wait for one of these; 2,000 by default. */
  readonly maxWaiting?: number;
  /** The longest that a request waits for its review; 5 s by default. */
  readonly deadlineMs?: number;
}

interface TokenReview {
  readonly status?: {
    readonly authenticated?: boolean;
    readonly error?: string;
    readonly audiences?: readonly string[];
    readonly user?: { readonly username?: string };
  };
}

const path = '/apis/authentication.k8s.io/v1/tokenreviews';

/**
 * Asks the API server whose token it is (authentication.k8s.io/v1 TokenReview), which also knows of tokens whose pod or
 * account is gone. A review that fails is never a pass.
 */
export class TokenReviewer implements TokenAuthenticator {
  /** Whether the API server has said that this component may ask it. */
  ready = false;
  private readonly options: TokenReviewOptions;
  private readonly work: BoundedWork;
  private readonly reviews: Counter<'result'>;

  constructor(options: TokenReviewOptions) {
    this.options = options;
    const { concurrency = 50, maxWaiting = 2000, deadlineMs = 5000, registry } = options;
    const work = new BoundedWork({ concurrency, maxWaiting, deadlineMs });
    this.work = work;
    this.reviews = new Counter({
      name: 'identity_token_reviews_total',
      help: 'Tokens that the API server was asked about.',
      labelNames: ['result'] as const,
      registers: [registry],
    });
    new Gauge({
      name: 'identity_token_reviews_in_flight',
      help: 'Reviews that the API server has not answered yet.',
      registers: [registry],
      collect() {
        this.set(work.running);
      },
    });
  }

  /** Asks whether reviews are allowed. Rejects with what to do when they are not, or when the API server does not answer. */
  async checkAccess(): Promise<void> {
    if (this.ready) return;
    const { status } = await this.options.api.create<{ status?: { allowed?: boolean; reason?: string } }>(
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

  private async review(token: string): Promise<TokenReview> {
    const { api, audience } = this.options;
    const request = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenReview',
      spec: { token, audiences: [audience] },
    };
    try {
      return await this.work.run(() => api.create<TokenReview>(path, request));
    } catch (error) {
      const reason = error instanceof OverloadError ? 'overloaded' : 'review failed';
      this.reviews.inc({ result: reason });
      throw new TokenError(reason, `the token could not be reviewed: ${(error as Error).message}`);
    }
  }
}
