import { hashText } from '../balance/rendezvous.ts';
import type { Attempt } from '../exchange/attempt.ts';
import type { AttemptKey } from '../exchange/attempt-routing.ts';
import { Filters, type ResponseFilter } from '../filter/filter.ts';
import type { AffinityKey, MadeCookie } from '../model/affinity.ts';
import { keyOf } from '../route/affinity.ts';
import { Field } from '../wire/field.ts';
import { withFields } from '../wire/heads.ts';
import { isLoopback } from '../wire/ip-network.ts';
import type { ResponseHead } from '../wire/stream.ts';
import type { Backend } from './backend.ts';
import type { BackendHealth } from './endpoint-health.ts';

/** Finds the key of each try, by which its endpoint is chosen, and gives clients a cookie that are to have one. */
export class Affine implements Backend {
  private readonly backend: Backend;
  private readonly key: AffinityKey;

  constructor(backend: Backend, key: AffinityKey) {
    this.backend = backend;
    this.key = key;
  }

  get isAvailable(): boolean {
    return this.backend.isAvailable;
  }

  get health(): BackendHealth | undefined {
    return this.backend.health;
  }

  send(attempt: Attempt): void {
    const { key } = this;
    const { clock } = attempt.exchange.side;
    const found = keyOf(key, attempt.head, sourceOf(attempt));
    if (found !== undefined) attempt.key = { hash: hashText(found), sinceMs: clock.nowMs() };
    else if (key.kind === 'cookie' && key.made !== undefined) {
      const cookie = new GivenCookie(key.name, key.made, clock.nowMs(), clock.random);
      attempt.key = cookie;
      const { delays, request, response } = attempt.filters ?? noFilters;
      attempt.filters = new Filters(delays, request, [...response, cookie]);
    }
    this.backend.send(attempt);
  }
}

/** Who calls by the loopback interface is this pod, which is known by the address that it listens at. */
function sourceOf({ exchange: { origin } }: Attempt): string {
  return isLoopback(origin.clientAddress) ? origin.address : origin.clientAddress;
}

const noFilters = new Filters([], [], []);

/** 128 bits: it stands for a client, and is no secret. */
function randomHex(random: () => number): string {
  let hex = '';
  for (let i = 0; i < 4; i++) {
    hex += Math.floor(random() * 2 ** 32)
      .toString(16)
      .padStart(8, '0');
  }
  return hex;
}

/** The key of a client that has none, which is given it with the response. */
class GivenCookie implements AttemptKey, ResponseFilter {
  readonly sinceMs: number;
  private readonly name: string;
  private readonly made: MadeCookie;
  private readonly random: () => number;
  private value: string;

  constructor(name: string, made: MadeCookie, sinceMs: number, random: () => number) {
    this.sinceMs = sinceMs;
    this.name = name;
    this.made = made;
    this.random = random;
    this.value = randomHex(random);
  }

  get hash(): number {
    return hashText(this.value);
  }

  renew(): void {
    this.value = randomHex(this.random);
  }

  apply(head: ResponseHead): ResponseHead {
    const { ttlS, path } = this.made;
    const keptFor = ttlS === 0 ? '' : `; Max-Age=${ttlS}`;
    const sentTo = path === undefined ? '' : `; Path=${path}`;
    const text = `${this.name}="${this.value}"${keptFor}${sentTo}; HttpOnly`;
    return withFields(head, [...head.fields, new Field('set-cookie', text, true)]);
  }
}
