import type { Origin } from '../exchange/origin.ts';
import type { Decided } from '../exchange/plan.ts';
import { asciiBytes } from '../wire/ascii.ts';
import { MadeOnce } from '../wire/made-once.ts';
import type { HttpVersion, RequestHead } from '../wire/stream.ts';
import { slotOf } from '../wire/text-slot.ts';

/** How a format writes what comes again in many lines; in ASCII. */
export interface Parts {
  /** Who asked. */
  client(origin: Origin): string;
  /** When, by the text of its time. */
  time(shown: string): string;
  /** What was asked. */
  asked(head: RequestHead, version: string): string;
  /** What the request says of its client and server, behind the numbers. */
  named(host: string, userAgent: string): string;
  /** What decided. */
  decided(decided: Decided): string;
}

/** A power of two. */
const slotCount = 256;
/** Characters of a request, in all: what is longer comes again seldom, and would be megabytes. */
const longestKept = 512;

/** Of requests that ask the same. */
class Request {
  readonly asked: Uint8Array;
  readonly named: Uint8Array;
  private readonly method: string;
  private readonly path: string;
  private readonly authority: string;
  private readonly userAgent: string;
  private readonly version: HttpVersion;

  constructor(parts: Parts, head: RequestHead, userAgent: string, version: HttpVersion) {
    this.method = head.method;
    this.path = head.path;
    this.authority = head.authority;
    this.userAgent = userAgent;
    this.version = version;
    this.asked = asciiBytes(parts.asked(head, version === 'http2' ? 'HTTP/2.0' : 'HTTP/1.1'));
    this.named = asciiBytes(parts.named(head.authority, userAgent));
  }

  isOf({ path, method, authority }: RequestHead, userAgent: string, version: HttpVersion): boolean {
    return (
      this.path === path &&
      this.method === method &&
      this.authority === authority &&
      this.userAgent === userAgent &&
      this.version === version
    );
  }
}

/**
 * What comes again in the lines of a log, as bytes: of a connection, of a policy, of a time, and of a request that others are
 * like. The last stand in a direct-mapped table, so that it is bounded.
 */
export class Repeated {
  private readonly parts: Parts;
  private readonly clients: MadeOnce<Origin, Uint8Array>;
  private readonly decisions: MadeOnce<Decided, Uint8Array>;
  private readonly requests: (Request | undefined)[] = new Array(slotCount).fill(undefined);
  private shownMs = Number.NaN;
  private shownTime = asciiBytes('');

  constructor(parts: Parts) {
    this.parts = parts;
    this.clients = new MadeOnce((origin) => asciiBytes(parts.client(origin)));
    this.decisions = new MadeOnce((decided) => asciiBytes(parts.decided(decided)));
  }

  client(origin: Origin): Uint8Array {
    return this.clients.of(origin);
  }

  decided(decided: Decided): Uint8Array {
    return this.decisions.of(decided);
  }

  /** Many lines share a millisecond. */
  time(startedMs: number): Uint8Array {
    const wholeMs = Math.floor(startedMs);
    if (wholeMs !== this.shownMs) {
      this.shownMs = wholeMs;
      this.shownTime = asciiBytes(this.parts.time(new Date(wholeMs).toISOString()));
    }
    return this.shownTime;
  }

  request(head: RequestHead, userAgent: string, version: HttpVersion): Pick<Request, 'asked' | 'named'> {
    const slot = slotOf(head.path, slotCount);
    const known = this.requests[slot];
    if (known?.isOf(head, userAgent, version)) return known;
    const made = new Request(this.parts, head, userAgent, version);
    const { path, method, authority } = head;
    if (path.length + method.length + authority.length + userAgent.length <= longestKept) this.requests[slot] = made;
    return made;
  }
}
