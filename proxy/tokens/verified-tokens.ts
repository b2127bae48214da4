import type { Field } from '../wire/field.ts';
import type { IssuerRule, TokenPlace, TokenPolicy } from './token-policy.ts';

/** A token that holds, and what becomes of requests with it. */
export interface KeptToken {
  /** Both by identity: a change of keys or policy makes new ones, for which nothing is kept yet. */
  readonly policy: TokenPolicy;
  readonly place: TokenPlace;
  readonly rule: IssuerRule;
  /** From then on it holds no more, in ms since the epoch. */
  readonly endMs: number;
  /** It has the claims that are required. */
  readonly sufficient: boolean;
  readonly fields: readonly Field[];
}

interface Entry extends KeptToken {
  readonly bytes: number;
  /** Used since room was last made: it stays one round longer. */
  used: boolean;
  /** The same token under another policy, or at another place. */
  next: Entry | undefined;
}

export interface VerifiedTokensOptions {
  /** 10,000 by default. */
  readonly maxTokens?: number;
  /** Of tokens and fields together, as far as they are counted: 8 MiB by default. */
  readonly maxBytes?: number;
}

/** What a token takes besides its text and fields. */
const overheadBytes = 200;
/** Policies and places that one token is kept for: routes have their own, and so has each policy that was replaced. */
const maxOfToken = 16;

/**
 * Tokens that were found to hold, so that a user's next request costs no signature. One for the whole proxy, for its
 * bounds are: beyond them those go first that were not used since the last of their round (CLOCK). It changes with
 * users, not with requests.
 */
export class VerifiedTokens {
  private readonly maxTokens: number;
  private readonly maxBytes: number;
  private readonly byToken = new Map<string, Entry>();
  private entries = 0;
  private used = 0;

  constructor({ maxTokens = 10_000, maxBytes = 8 * 1024 * 1024 }: VerifiedTokensOptions = {}) {
    this.maxTokens = maxTokens;
    this.maxBytes = maxBytes;
  }

  get size(): number {
    return this.entries;
  }

  get bytes(): number {
    return this.used;
  }

  /** Undefined when it is not known to hold now. */
  find(token: string, policy: TokenPolicy, place: TokenPlace, nowMs: number): KeptToken | undefined {
    let entry = this.byToken.get(token);
    while (entry !== undefined && (entry.policy !== policy || entry.place !== place)) entry = entry.next;
    if (entry === undefined || entry.endMs <= nowMs) return undefined;
    entry.used = true;
    return entry;
  }

  keep(token: string, kept: KeptToken): void {
    let bytes = token.length + overheadBytes;
    for (const { name, value } of kept.fields) bytes += name.length + value.length;
    this.forget(token, kept.policy, kept.place);
    this.cut(token);
    const entry: Entry = { ...kept, bytes, used: false, next: this.byToken.get(token) };
    this.byToken.set(token, entry);
    this.entries++;
    this.used += bytes;
    this.makeRoom(token);
  }

  private makeRoom(newest: string): void {
    for (const [token, entry] of this.byToken) {
      if (this.entries <= this.maxTokens && this.used <= this.maxBytes) return;
      if (token === newest && this.byToken.size > 1) continue;
      this.byToken.delete(token);
      // Behind all others, and out in the next round unless it is used.
      if (entry.used) {
        entry.used = false;
        this.byToken.set(token, entry);
      } else for (let each: Entry | undefined = entry; each !== undefined; each = each.next) this.takeOff(each);
    }
  }

  /** One that has ended, or was kept twice. */
  private forget(token: string, policy: TokenPolicy, place: TokenPlace): void {
    const first = this.byToken.get(token);
    let before: Entry | undefined;
    for (let entry = first; entry !== undefined; before = entry, entry = entry.next) {
      if (entry.policy !== policy || entry.place !== place) continue;
      this.takeOff(entry);
      if (before !== undefined) before.next = entry.next;
      else if (entry.next === undefined) this.byToken.delete(token);
      else this.byToken.set(token, entry.next);
      return;
    }
  }

  /** The newest stand first. */
  private cut(token: string): void {
    let last = this.byToken.get(token);
    for (let i = 2; i < maxOfToken && last !== undefined; i++) last = last.next;
    if (last === undefined) return;
    for (let entry = last.next; entry !== undefined; entry = entry.next) this.takeOff(entry);
    last.next = undefined;
  }

  private takeOff(entry: Entry): void {
    this.entries--;
    this.used -= entry.bytes;
  }
}
