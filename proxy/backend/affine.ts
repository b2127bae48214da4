import { hashText } from '../balance/rendezvous.ts';
import type { Attempt } from '../exchange/attempt.ts';
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
    const found = keyOf(key, attempt.head, sourceOf(attempt)) ?? this.given(key, attempt);
    if (found !== undefined) attempt.key = { hash: hashText(found), sinceMs: attempt.exchange.side.clock.nowMs() };
    this.backend.send(attempt);
  }

  /** The cookie that its client is given. */
  private given(key: AffinityKey, attempt: Attempt): string | undefined {
    if (key.kind !== 'cookie' || key.made === undefined) return undefined;
    const value = randomHex(attempt.exchange.side.clock.random);
    const { delays, request, response } = attempt.filters ?? noFilters;
    attempt.filters = new Filters(delays, request, [...response, new SetCookie(key.name, value, key.made)]);
    return value;
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

/** Gives the client its cookie with the response. */
class SetCookie implements ResponseFilter {
  private readonly field: Field;

  constructor(name: string, value: string, { ttlS, path }: MadeCookie) {
    const keptFor = ttlS === 0 ? '' : `; Max-Age=${ttlS}`;
    const sentTo = path === undefined ? '' : `; Path=${path}`;
    this.field = new Field('set-cookie', `${name}="${value}"${keptFor}${sentTo}; HttpOnly`, true);
  }

  apply(head: ResponseHead): ResponseHead {
    return withFields(head, [...head.fields, this.field]);
  }
}
