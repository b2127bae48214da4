import { type Attribute, AttributeSet, bounded, excerpt } from '../telemetry/trace/span.ts';
import { splitHostPort } from '../wire/host-port.ts';
import type { HttpVersion, RequestHead } from '../wire/stream.ts';
import { slotOf } from '../wire/text-slot.ts';

/** Methods that the conventions name; any other is one word in the name of a span, or clients could make up names. */
const knownMethods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH', 'QUERY']);
/** What is the same for all requests, or nearly, is made once. */
const methods = new Map(
  [...knownMethods].map((method): [string, Attribute] => [method, ['http.request.method', method]]),
);
const otherMethod: Attribute = ['http.request.method', '_OTHER'];
const http: Attribute = ['url.scheme', 'http'];
const https: Attribute = ['url.scheme', 'https'];
const http1: Attribute = ['network.protocol.version', '1.1'];
const http2: Attribute = ['network.protocol.version', '2'];
const rpc: Attribute = ['rpc.system', 'grpc'];
const mostKeptAuthorities = 256;
const longestPath = 1024;
const longestName = 256;
const longestMethod = 32;
/** A power of two. */
const slotCount = 256;

/** What spans say of requests that ask the same. */
export interface Asked {
  /** What a span is called: few names, whatever is asked for. */
  readonly name: string;
  readonly attributes: AttributeSet;
  /** All of it, with who asked, what decided and what was answered. */
  answered(origin: AttributeSet, decided: AttributeSet | undefined, outcome: AttributeSet): AttributeSet[];
}

class Kept implements Asked {
  readonly method: string;
  readonly scheme: string;
  readonly authority: string;
  readonly path: string;
  readonly grpc: boolean;
  readonly version: HttpVersion;
  readonly name: string;
  readonly attributes: AttributeSet;
  /** What was answered last. */
  private origin: AttributeSet | undefined = undefined;
  private decided: AttributeSet | undefined = undefined;
  private outcome: AttributeSet | undefined = undefined;
  /** It as one, once it came twice. */
  private whole: AttributeSet | undefined = undefined;

  constructor(head: RequestHead, grpc: boolean, version: HttpVersion) {
    this.method = head.method;
    this.scheme = head.scheme;
    this.authority = head.authority;
    this.path = head.path;
    this.grpc = grpc;
    this.version = version;
    this.name = nameOf(head, grpc);
    this.attributes = new AttributeSet(attributesOf(head, grpc, version), false);
  }

  isOf({ path, authority, method, scheme }: RequestHead, grpc: boolean, version: HttpVersion): boolean {
    return (
      this.path === path &&
      this.authority === authority &&
      this.method === method &&
      this.scheme === scheme &&
      this.grpc === grpc &&
      this.version === version
    );
  }

  answered(origin: AttributeSet, decided: AttributeSet | undefined, outcome: AttributeSet): AttributeSet[] {
    if (origin === this.origin && decided === this.decided && outcome === this.outcome) {
      this.whole ??= this.joined(origin, decided, outcome);
      if (this.whole.comesAgain) return [this.whole];
    } else {
      this.origin = origin;
      this.decided = decided;
      this.outcome = outcome;
      this.whole = undefined;
    }
    return decided === undefined ? [this.attributes, origin, outcome] : [this.attributes, origin, decided, outcome];
  }

  private joined(origin: AttributeSet, decided: AttributeSet | undefined, outcome: AttributeSet): AttributeSet {
    const sets = [this.attributes, origin, ...(decided === undefined ? [] : [decided]), outcome];
    return new AttributeSet(
      sets.flatMap(({ list }) => list),
      sets.every(({ comesAgain }) => comesAgain),
    );
  }
}

/**
 * What was asked lately. The table is direct-mapped: a path that comes once, as many do, costs it one slot, and only what
 * comes a second time is written in bytes that are kept.
 */
const kept: (Kept | undefined)[] = new Array(slotCount).fill(undefined);

/** What was asked. Queries hold what nobody should see: only the path is told. */
export function asked(head: RequestHead, grpc: boolean, version: HttpVersion): Asked {
  const slot = slotOf(head.path, slotCount);
  const known = kept[slot];
  if (known?.isOf(head, grpc, version)) {
    known.attributes.comesAgain = true;
    return known;
  }
  const made = new Kept(head, grpc, version);
  // What is long is not kept: it would be a megabyte of them.
  if (head.path.length <= longestPath && head.authority.length <= longestName && head.method.length <= longestMethod) {
    kept[slot] = made;
  }
  return made;
}

function nameOf({ path, method }: RequestHead, grpc: boolean): string {
  if (grpc && path.length > 1) return excerpt(path, 1, path.length, longestName);
  return knownMethods.has(method) ? method : 'HTTP';
}

function attributesOf(head: RequestHead, grpc: boolean, version: HttpVersion): Attribute[] {
  const { method, path, scheme, authority } = head;
  const end = path.indexOf('?');
  const known = methods.get(method);
  const list: Attribute[] = [
    known ?? otherMethod,
    scheme === 'https' ? https : http,
    ['url.path', excerpt(path, 0, end < 0 ? path.length : end, longestPath)],
    version === 'http1' ? http1 : http2,
  ];
  if (known === undefined) list.push(['http.request.method_original', bounded(method, longestMethod)]);
  if (authority !== '') list.push(...serverAttributes(authority));
  if (grpc) {
    const slash = path.lastIndexOf('/');
    list.push(rpc);
    if (slash > 0) {
      list.push(['rpc.service', excerpt(path, 1, slash, longestName)]);
      list.push(['rpc.method', excerpt(path, slash + 1, path.length, longestName)]);
    }
  }
  return list;
}

const keptAuthorities = new Map<string, readonly Attribute[]>();

/** Whom a request names. A workload names few. */
function serverAttributes(authority: string): readonly Attribute[] {
  let attributes = keptAuthorities.get(authority);
  if (attributes !== undefined) return attributes;
  const target = splitHostPort(authority);
  const address: Attribute = ['server.address', bounded(target?.host ?? authority, longestName)];
  attributes = target === undefined ? [address] : [address, ['server.port', target.port]];
  if (authority.length > longestName) return attributes;
  if (keptAuthorities.size >= mostKeptAuthorities) keptAuthorities.clear();
  keptAuthorities.set(authority, attributes);
  return attributes;
}
