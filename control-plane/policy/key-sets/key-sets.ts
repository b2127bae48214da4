import type { ObjectMeta } from '../../../lib/kinds/kubernetes-object.ts';
import { FetchError } from './fetch-key-set.ts';

/** What is known of a URL's keys. */
export interface KeySetState {
  /** As proxies are told them; empty as long as none are known. */
  readonly jwks: string;
  /** Why the last fetch failed, or nothing is fetched; undefined when all is well, or is not known yet. */
  readonly problem: string | undefined;
}

export interface KeySetsOptions {
  /** Gives back the keys; rejects with a FetchError. */
  readonly fetch: (url: string) => Promise<string>;
  /** The state of a URL has changed. */
  readonly onChange: (url: string) => void;
  /** A fetch failed: `detail` says more than tenants are told. */
  readonly onFailed: (url: string, detail: string) => void;
  readonly onFetched?: (result: 'success' | 'failure') => void;
  /** Milliseconds that never go back. */
  readonly nowMs: () => number;
  readonly random: () => number;
  /** How often keys are fetched again. Default 5 min, as issuers publish a new key before they use it. */
  readonly refreshMs?: number;
  /** How long to wait after a fetch that failed, twice as long after each further one. Default 10 s. */
  readonly retryMs?: number;
  /** How long keys are in use of which no fetch succeeds any more. Default 6 h: tokens of that time have ended by then. */
  readonly keepMs?: number;
}

/** URLs that one namespace may have fetched, and all together. */
const maxOfNamespace = 32;
const maxUrls = 1024;
/** Fetches at a time. */
const maxAtOnce = 8;

interface Followed {
  readonly url: string;
  readonly owners: Set<string>;
  state: KeySetState;
  fetchedMs: number;
  failures: number;
  timer: NodeJS.Timeout | undefined;
}

const tooMany = `is not fetched: a namespace has at most ${maxOfNamespace} of them, and all together ${maxUrls}. Write the object again when there are fewer`;

const unknown: KeySetState = { jwks: '', problem: undefined };

/**
 * The keys that issuers publish, each URL fetched once for all objects that name it, and again and again as long as one
 * does. Keys that were fetched stay in use while fetches fail, up to a bound.
 */
export class KeySets {
  private readonly options: Required<Omit<KeySetsOptions, 'onFetched'>> & Pick<KeySetsOptions, 'onFetched'>;
  private readonly followed = new Map<string, Followed>();
  private readonly urlsOf = new Map<string, readonly string[]>();
  private readonly perNamespace = new Map<string, Map<string, number>>();
  private readonly due: Followed[] = [];
  private underWay = 0;
  private closed = false;

  constructor(options: KeySetsOptions) {
    this.options = { refreshMs: 5 * 60_000, retryMs: 10_000, keepMs: 6 * 3_600_000, ...options };
  }

  /** URLs that are followed. */
  get size(): number {
    return this.followed.size;
  }

  of(url: string, namespace: string): KeySetState {
    const found = this.followed.get(url);
    if (found !== undefined && this.perNamespace.get(namespace)?.has(url)) return found.state;
    return { jwks: '', problem: tooMany };
  }

  /** Takes the URLs that an object names now: none when it is gone. */
  follow({ namespace = 'default', name }: Pick<ObjectMeta, 'namespace' | 'name'>, urls: readonly string[]): void {
    const owner = `${namespace}/${name}`;
    const before = this.urlsOf.get(owner) ?? [];
    const after = [...new Set(urls)];
    if (after.length === 0) this.urlsOf.delete(owner);
    else this.urlsOf.set(owner, after);
    for (const url of after) if (!before.includes(url)) this.add(namespace, owner, url);
    for (const url of before) if (!after.includes(url)) this.remove(namespace, owner, url);
  }

  close(): void {
    this.closed = true;
    for (const { timer } of this.followed.values()) clearTimeout(timer);
    this.followed.clear();
  }

  private add(namespace: string, owner: string, url: string): void {
    const own = this.perNamespace.get(namespace) ?? new Map<string, number>();
    const known = this.followed.get(url);
    if (!own.has(url) && own.size >= maxOfNamespace) return;
    if (known === undefined && this.followed.size >= maxUrls) return;
    this.perNamespace.set(namespace, own.set(url, (own.get(url) ?? 0) + 1));
    const followed = known ?? { url, owners: new Set(), state: unknown, fetchedMs: 0, failures: 0, timer: undefined };
    followed.owners.add(owner);
    if (known !== undefined) return;
    this.followed.set(url, followed);
    this.fetchSoon(followed);
  }

  private remove(namespace: string, owner: string, url: string): void {
    const followed = this.followed.get(url);
    if (followed === undefined || !followed.owners.delete(owner)) return;
    const own = this.perNamespace.get(namespace);
    const left = (own?.get(url) ?? 1) - 1;
    if (left > 0) own?.set(url, left);
    else own?.delete(url);
    if (own?.size === 0) this.perNamespace.delete(namespace);
    if (followed.owners.size > 0) return;
    clearTimeout(followed.timer);
    this.followed.delete(url);
  }

  private fetchSoon(followed: Followed): void {
    this.due.push(followed);
    while (this.underWay < maxAtOnce && this.due.length > 0) {
      const next = this.due.shift()!;
      if (this.followed.get(next.url) !== next) continue;
      this.underWay++;
      void this.fetch(next).finally(() => {
        this.underWay--;
        const waiting = this.due.shift();
        if (waiting !== undefined) this.fetchSoon(waiting);
      });
    }
  }

  private async fetch(followed: Followed): Promise<void> {
    const { url } = followed;
    const { nowMs, onFailed, onFetched, refreshMs, retryMs, keepMs } = this.options;
    let next: KeySetState;
    try {
      const jwks = await this.options.fetch(url);
      next = { jwks, problem: undefined };
      followed.fetchedMs = nowMs();
      followed.failures = 0;
      onFetched?.('success');
    } catch (error) {
      const isKept = followed.state.jwks !== '' && nowMs() - followed.fetchedMs < keepMs;
      next = { jwks: isKept ? followed.state.jwks : '', problem: (error as Error).message };
      followed.failures++;
      onFetched?.('failure');
      onFailed(url, error instanceof FetchError ? error.detail : (error as Error).message);
    }
    if (this.closed || this.followed.get(url) !== followed) return;
    const { failures, state } = followed;
    const afterMs = failures === 0 ? refreshMs : Math.min(retryMs * 2 ** (failures - 1), refreshMs);
    // Replicas, and the URLs of one issuer, are not to come at the same time.
    followed.timer = setTimeout(() => this.fetchSoon(followed), afterMs * (0.9 + 0.2 * this.options.random()));
    followed.timer.unref();
    followed.state = next;
    if (state.jwks !== next.jwks || state.problem !== next.problem) this.options.onChange(url);
  }
}
