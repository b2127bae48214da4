import { hashText } from '../balance/rendezvous.ts';
import type { Attempt } from '../exchange/attempt.ts';
import { Filters, type ResponseFilter } from '../filter/filter.ts';
import type { SessionKey } from '../model/affinity.ts';
import { type Session, sessionOf, sessionText } from '../route/session.ts';
import { Field } from '../wire/field.ts';
import { withFields } from '../wire/heads.ts';
import { formatHostPort } from '../wire/ip-network.ts';
import type { ResponseHead } from '../wire/stream.ts';
import type { Backend } from './backend.ts';
import type { BackendHealth } from './endpoint-health.ts';

/** Has requests of a session go to the endpoint that has it, and tells clients which that is when it is another. */
export class Persistent implements Backend {
  private readonly backend: Backend;
  private readonly key: SessionKey;
  private readonly hash: number;

  /** `name` is what sessions know the backend by. */
  constructor(backend: Backend, key: SessionKey, name: string) {
    this.backend = backend;
    this.key = key;
    this.hash = hashText(name);
  }

  get isAvailable(): boolean {
    return this.backend.isAvailable;
  }

  get health(): BackendHealth | undefined {
    return this.backend.health;
  }

  send(attempt: Attempt): void {
    const { key, hash } = this;
    const { exchange } = attempt;
    const { clock } = exchange.side;
    // As its client wrote it, whatever filters make of it.
    const brought = sessionOf(key, exchange.head, clock.wallMs());
    const session = brought?.backend === hash ? brought : undefined;
    if (session !== undefined) attempt.key = { hash: session.endpoint, sinceMs: clock.nowMs() };
    const { delays, request, response } = attempt.filters ?? noFilters;
    attempt.filters = new Filters(delays, request, [...response, new ToldSession(attempt, key, hash, session)]);
    this.backend.send(attempt);
  }
}

const noFilters = new Filters([], [], []);

/** Tells the client who has its session, unless it has said so itself. */
class ToldSession implements ResponseFilter {
  private readonly attempt: Attempt;
  private readonly key: SessionKey;
  private readonly backend: number;
  private readonly session: Session | undefined;

  constructor(attempt: Attempt, key: SessionKey, backend: number, session: Session | undefined) {
    this.attempt = attempt;
    this.key = key;
    this.backend = backend;
    this.session = session;
  }

  apply(head: ResponseHead): ResponseHead {
    const { attempt, key, backend, session } = this;
    // With who has failed it nobody is to stay.
    if (attempt.endpoint === undefined || head.status >= 500) return head;
    const { address, port } = attempt.endpoint.info;
    const endpoint = hashText(formatHostPort(address, port));
    if (session?.endpoint === endpoint) return head;
    // Who has the session was slow this once.
    if (session !== undefined && attempt.isHedge) return head;
    const { carrier, timeoutS } = key;
    const nowS = Math.floor(attempt.exchange.side.clock.wallMs() / 1000);
    const text = sessionText({ backend, endpoint, endS: timeoutS === undefined ? undefined : nowS + timeoutS });
    if (carrier.kind === 'header') {
      const others = head.fields.filter(({ name }) => name !== carrier.name);
      return withFields(head, [...others, new Field(carrier.name, text)]);
    }
    const { name, keptS, path } = carrier;
    const keptFor = keptS === 0 ? '' : `; Max-Age=${keptS}`;
    const cookie = `${name}=${text}${keptFor}; Path=${path}; HttpOnly`;
    return withFields(head, [...head.fields, new Field('set-cookie', cookie, true)]);
  }
}

export interface SessionBackend {
  readonly backend: Backend;
  /** See Persistent. */
  readonly name: string;
}

/**
 * Sends each try of a session to the backend that has it, and others to `others`; those, too, whose backend fails everything
 * at once, or is none of the rule any more.
 */
export class SessionSplit implements Backend {
  private readonly key: SessionKey;
  private readonly byHash: ReadonlyMap<number, Backend>;
  private readonly others: Backend;

  /** `backends` are all that may have sessions, also those that get no new ones. */
  constructor(backends: readonly SessionBackend[], others: Backend, key: SessionKey) {
    this.key = key;
    this.byHash = new Map(backends.map(({ backend, name }) => [hashText(name), backend]));
    this.others = others;
  }

  get isAvailable(): boolean {
    return this.others.isAvailable;
  }

  send(attempt: Attempt): void {
    const { exchange } = attempt;
    const session = sessionOf(this.key, exchange.head, exchange.side.clock.wallMs());
    const backend = session && this.byHash.get(session.backend);
    (backend?.isAvailable ? backend : this.others).send(attempt);
  }
}
