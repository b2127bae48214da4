import type { Origin } from '../exchange/origin.ts';
import type { Decided } from '../exchange/plan.ts';
import type { EndpointInfo } from '../model/endpoint-info.ts';
import { type IpNetwork, parseIp } from '../wire/ip-network.ts';
import type { RequestHead } from '../wire/stream.ts';

/** A request as taps look at it. */
export interface Seen {
  readonly origin: Origin;
  /** As it came. */
  readonly head: RequestHead;
  /** Where it was sent on to; undefined of one that comes in, and where no endpoint was found. */
  readonly endpoint: EndpointInfo | undefined;
  readonly decided: Decided | undefined;
  /** Of the response; 0 before it has come. */
  readonly status: number;
  /** -1 before it is known. */
  readonly grpcStatus: number;
}

/** What has to have come before it can be told whether a request matches. */
export type Stage = 'request' | 'response' | 'end';

/** What requests are tapped by. */
export interface Match {
  readonly stage: Stage;
  matches(seen: Seen): boolean;
}

const stages: readonly Stage[] = ['request', 'response', 'end'];
const latest = (matches: readonly Match[]): Stage =>
  stages[Math.max(0, ...matches.map(({ stage }) => stages.indexOf(stage)))];

export class All implements Match {
  readonly stage: Stage;
  private readonly of: readonly Match[];

  constructor(of: readonly Match[]) {
    this.of = of;
    this.stage = latest(of);
  }

  matches(seen: Seen): boolean {
    for (let i = 0; i < this.of.length; i++) if (!this.of[i].matches(seen)) return false;
    return true;
  }
}

export class Any implements Match {
  readonly stage: Stage;
  private readonly of: readonly Match[];

  constructor(of: readonly Match[]) {
    this.of = of;
    this.stage = latest(of);
  }

  matches(seen: Seen): boolean {
    for (let i = 0; i < this.of.length; i++) if (this.of[i].matches(seen)) return true;
    return false;
  }
}

export class Not implements Match {
  readonly stage: Stage;
  private readonly of: Match;

  constructor(of: Match) {
    this.of = of;
    this.stage = of.stage;
  }

  matches(seen: Seen): boolean {
    return !this.of.matches(seen);
  }
}

/** Which end of the request's connection an address is of. */
export type End = 'source' | 'destination';

/** The address and port of one end; undefined where there is none yet. */
export function endOf(end: End, { origin, endpoint }: Seen): { address: string; port: number } | undefined {
  if (end === 'source') return { address: origin.clientAddress, port: origin.clientPort };
  return origin.direction === 'inbound' ? origin : endpoint;
}

export class InNetwork implements Match {
  readonly stage = 'request';
  private readonly end: End;
  private readonly network: IpNetwork;
  /** Requests come from few addresses, and many from each. */
  private lastAddress = '';
  private lastResult = false;

  constructor(end: End, network: IpNetwork) {
    this.end = end;
    this.network = network;
  }

  matches(seen: Seen): boolean {
    const address = endOf(this.end, seen)?.address;
    if (address === undefined) return false;
    if (address !== this.lastAddress) {
      const ip = parseIp(address);
      this.lastAddress = address;
      this.lastResult = ip !== undefined && this.network.contains(ip);
    }
    return this.lastResult;
  }
}

export class InPorts implements Match {
  readonly stage = 'request';
  private readonly end: End;
  private readonly min: number;
  private readonly max: number;

  constructor(end: End, min: number, max: number) {
    this.end = end;
    this.min = min;
    this.max = max;
  }

  matches(seen: Seen): boolean {
    const port = endOf(this.end, seen)?.port;
    return port !== undefined && port >= this.min && port <= this.max;
  }
}

/**
 * What a route that somebody wrote is called in labels: Linkerd's `route` is its name, the others are those of our metrics.
 * `override` is the Service that a request asked for in place of that of its route, whoever wrote it, and has.
 */
export function routeLabels(decided: Decided | undefined): Record<string, string> {
  if (decided === undefined) return {};
  const { route, override } = decided;
  const labels: Record<string, string> = {};
  if (route !== undefined && route.kind !== 'default') {
    labels['route'] = route.name;
    labels['route_group'] = route.group;
    labels['route_kind'] = route.kind;
    labels['route_name'] = route.name;
  }
  if (override !== undefined) labels['override'] = override;
  return labels;
}

type Labelled = 'destination' | 'route';

/** Where labels come from: those of an endpoint are as metrics have them without `dst_`. */
const labelsOf: { readonly [of in Labelled]: (seen: Seen) => Readonly<Record<string, string>> | undefined } = {
  destination: ({ endpoint }) => endpoint?.labels,
  route: ({ decided }) => routeLabels(decided),
};

export class HasLabel implements Match {
  readonly stage = 'request';
  private readonly of: Labelled;
  private readonly key: string;
  private readonly value: string;

  constructor(of: Labelled, key: string, value: string) {
    this.of = of;
    this.key = key;
    this.value = value;
  }

  matches(seen: Seen): boolean {
    const labels = labelsOf[this.of](seen);
    return labels !== undefined && Object.hasOwn(labels, this.key) && labels[this.key] === this.value;
  }
}

/** What a text is held against. */
export interface TextMatch {
  readonly kind: 'exact' | 'prefix';
  readonly text: string;
}

const fits = (text: string, match: TextMatch): boolean =>
  match.kind === 'exact' ? text === match.text : text.startsWith(match.text);

/** Without the query, which may hold secrets: neither matched nor told, as Linkerd has it. */
export function pathWithoutQuery(path: string): string {
  const query = path.indexOf('?');
  return query < 0 ? path : path.slice(0, query);
}

type Part = 'scheme' | 'method' | 'authority' | 'path';

export class RequestPart implements Match {
  readonly stage = 'request';
  private readonly part: Part;
  private readonly match: TextMatch;

  constructor(part: Part, match: TextMatch) {
    this.part = part;
    this.match = match;
  }

  matches({ head }: Seen): boolean {
    return fits(this.part === 'path' ? pathWithoutQuery(head.path) : head[this.part], this.match);
  }
}

export class RequestHeader implements Match {
  readonly stage = 'request';
  private readonly name: string;
  /** Undefined: any. */
  private readonly match: TextMatch | undefined;

  constructor(name: string, match: TextMatch | undefined) {
    this.name = name;
    this.match = match;
  }

  matches({ head: { fields } }: Seen): boolean {
    for (let i = 0; i < fields.length; i++) {
      const { name, value } = fields[i];
      if (name === this.name && (this.match === undefined || fits(value, this.match))) return true;
    }
    return false;
  }
}

export class InStatus implements Match {
  readonly stage: Stage;
  private readonly of: 'status' | 'grpcStatus';
  private readonly min: number;
  private readonly max: number;

  constructor(of: 'status' | 'grpcStatus', min: number, max: number) {
    this.stage = of === 'status' ? 'response' : 'end';
    this.of = of;
    this.min = min;
    this.max = max;
  }

  matches(seen: Seen): boolean {
    const status = seen[this.of];
    return status >= this.min && status <= this.max;
  }
}
