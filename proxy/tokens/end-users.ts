import type { RequestHead } from '../wire/stream.ts';
import { claimFields, hasClaims } from './claims.ts';
import { type FoundToken, findToken } from './find-token.ts';
import type { TokenPlace, TokenPolicy } from './token-policy.ts';
import { type KeptToken, VerifiedTokens, type VerifiedTokensOptions } from './verified-tokens.ts';
import { TokenVerifier } from './verify-token.ts';

/** Why a request is not let in; `why` is for its client, and says nothing of the token. */
export interface Refusal {
  readonly refused: 'missing' | 'invalid' | 'claims' | 'unknown' | 'busy';
  readonly why: string;
}

export interface EndUsersOptions extends VerifiedTokensOptions {
  /** Time since the epoch. */
  wallClockMs: () => number;
  /** Requests whose tokens are checked at a time, 1024 by default: further ones are refused. */
  readonly maxChecks?: number;
}

interface Check {
  readonly policy: TokenPolicy;
  readonly place: TokenPlace;
  readonly waiting: ((verdict: KeptToken | Refusal) => void)[];
}

const missing: Refusal = { refused: 'missing', why: 'there is none' };
const several: Refusal = { refused: 'invalid', why: 'there are several, and they differ' };
const insufficient: Refusal = { refused: 'claims', why: 'a claim that is required is not there, or has another value' };
const shut: Refusal = { refused: 'unknown', why: 'what is required of end users cannot be read' };
const busy: Refusal = { refused: 'busy', why: 'too many tokens are being checked' };

/** Whether requests may come in by the tokens of their end users: those that were found to hold, and the checks of others. */
export class EndUsers {
  /** Tokens whose signature was checked, since the start. */
  checks = 0;
  private readonly options: EndUsersOptions;
  private readonly tokens: VerifiedTokens;
  private readonly verifiers = new WeakMap<TokenPlace, TokenVerifier>();
  private readonly underWay = new Map<string, Check>();
  private waiting = 0;

  constructor(options: EndUsersOptions) {
    this.options = options;
    this.tokens = new VerifiedTokens(options);
  }

  /** Requests that wait for a check. */
  get waiters(): number {
    return this.waiting;
  }

  get kept(): Pick<VerifiedTokens, 'size' | 'bytes'> {
    return this.tokens;
  }

  /** What is known of a request at once: undefined when it needs no token and has none, a token that is to be checked. */
  look(policy: TokenPolicy, head: RequestHead): KeptToken | FoundToken | Refusal | undefined {
    if (policy.shut) return shut;
    const found = findToken(policy.places, head);
    if (found === undefined) return policy.required ? missing : undefined;
    if (found === 'several') return several;
    const kept = this.tokens.find(found.token, policy, found.place, this.options.wallClockMs());
    if (kept === undefined) return found;
    return kept.sufficient ? kept : insufficient;
  }

  /** Checks a token, and calls `done` once, later or, where there are too many already, at once. */
  check(policy: TokenPolicy, { token, place }: FoundToken, done: (verdict: KeptToken | Refusal) => void): void {
    if (this.waiting >= (this.options.maxChecks ?? 1024)) {
      done(busy);
      return;
    }
    this.waiting++;
    // Those of one user come together: an application's page asks for all that it needs.
    const same = this.underWay.get(token);
    if (same?.policy === policy && same.place === place) {
      same.waiting.push(done);
      return;
    }
    const check: Check = { policy, place, waiting: [done] };
    if (same === undefined) this.underWay.set(token, check);
    void this.verify(token, policy, place).then((verdict) => {
      if (this.underWay.get(token) === check) this.underWay.delete(token);
      this.waiting -= check.waiting.length;
      for (const each of check.waiting) each(verdict);
    });
  }

  private async verify(token: string, policy: TokenPolicy, place: TokenPlace): Promise<KeptToken | Refusal> {
    let verifier = this.verifiers.get(place);
    if (verifier === undefined) {
      verifier = new TokenVerifier(place.rules);
      this.verifiers.set(place, verifier);
    }
    this.checks++;
    const verdict = await verifier.verify(token, this.options.wallClockMs());
    if ('refused' in verdict) {
      return { refused: verdict.refused === 'no keys' ? 'unknown' : 'invalid', why: verdict.why };
    }
    const { rule, claims, endMs } = verdict;
    const sufficient = hasClaims(claims, policy.requiredClaims);
    const kept: KeptToken = { policy, place, rule, endMs, sufficient, fields: claimFields(claims, rule) };
    this.tokens.keep(token, kept);
    return sufficient ? kept : insufficient;
  }
}
