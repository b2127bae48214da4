import type { KubernetesApi } from '../kubernetes/api.ts';
import { KeySet } from './key-set.ts';
import type { ServiceAccount, TokenAuthenticator } from './token-authenticator.ts';
import { TokenError } from './token-authenticator.ts';

export interface KeySetOptions {
  readonly audience: string;
  /** How far the clocks may be apart. */
  readonly clockSkewMs: number;
  readonly nowMs: () => number;
}

/**
 * Checks tokens with a key set, without asking anybody. It cannot know that a token's pod or account was deleted: such a
 * token passes until it ends, an hour or a day after it was issued.
 */
export class KeySetAuthenticator implements TokenAuthenticator {
  private readonly options: KeySetOptions;
  private readonly keySet: () => KeySet | undefined;

  constructor(options: KeySetOptions, keySet: () => KeySet | undefined) {
    this.options = options;
    this.keySet = keySet;
  }

  get ready(): boolean {
    return this.keySet() !== undefined;
  }

  async authenticate(token: string): Promise<ServiceAccount> {
    const keySet = this.keySet();
    if (keySet === undefined) throw new TokenError('review failed', 'there is no key set yet');
    const { audience, nowMs, clockSkewMs } = this.options;
    return keySet.authenticate(token, { audience, nowMs: nowMs(), skewMs: clockSkewMs });
  }
}

export interface PublishedKeysOptions {
  readonly api: Pick<KubernetesApi, 'get'>;
  readonly onProblem: (message: string) => void;
  /** How often the keys are read: an API server whose key changes signs with the new one at once. 10 s by default. */
  readonly intervalMs?: number;
}

/** The keys and the issuer that the API server publishes for its tokens; every service account may read them. */
export class PublishedKeys {
  current: KeySet | undefined = undefined;
  private readonly options: PublishedKeysOptions;
  private readonly timer: NodeJS.Timeout;
  private problem: string | undefined = undefined;

  constructor(options: PublishedKeysOptions) {
    this.options = options;
    this.timer = setInterval(() => void this.refresh(), options.intervalMs ?? 10_000);
    this.timer.unref();
  }

  /** Reads the keys now; what was read before stays in use when that fails. Never rejects. */
  async refresh(): Promise<void> {
    try {
      const { api } = this.options;
      const [keys, { issuer }] = await Promise.all([
        api.get('/openid/v1/jwks'),
        api.get<{ readonly issuer?: unknown }>('/.well-known/openid-configuration'),
      ]);
      if (typeof issuer !== 'string') throw new Error('/.well-known/openid-configuration names no issuer');
      this.current = KeySet.parse(JSON.stringify(keys), issuer);
      this.problem = undefined;
    } catch (error) {
      const message = `the API server's keys for tokens: ${(error as Error).message}`;
      // The same trouble is told once.
      if (message !== this.problem) this.options.onProblem(message);
      this.problem = message;
    }
  }

  close(): void {
    clearInterval(this.timer);
  }
}
