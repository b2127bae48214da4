import type {
  OpaqueRoute,
  OpaqueRoute_RouteBackend,
  TlsRoute,
  TlsRoute_RouteBackend,
} from '../../../api/gen/outbound_pb.js';
import type { SniMatch } from '../../../api/gen/tls_route_pb.js';
import { type ResourceLabels, resourceLabels } from '../labels.ts';
import type { Destination } from './model.ts';
import { destinationFromApi } from './rule-from-api.ts';

/** One of the places that a rule sends to. */
export interface ConnectBackend {
  readonly labels: ResourceLabels;
  /** Undefined where connections that go there are refused, for the reason `failure`. */
  readonly destination: Destination | undefined;
  readonly failure: string;
  /** Among those of its rule; those of 0 get nothing. */
  readonly weight: number;
}

/** What is done with connections that nobody looks into. */
export interface ConnectRule {
  readonly labels: ResourceLabels;
  /** All that goes by it is refused. */
  readonly isForbidden: boolean;
  /** `first`: to the first that takes connections; `random`: to one of those that do, by weight. */
  readonly kind: 'first' | 'random';
  readonly backends: readonly ConnectBackend[];
}

interface NamedRule {
  readonly rule: ConnectRule;
  /** In lower case; a suffix begins with a dot and takes at least one label before it. Undefined for every name. */
  readonly name: string | undefined;
  readonly isSuffix: boolean;
}

/** Which rule holds for a connection: by the name that its TLS asks for, or for all alike. */
export class ConnectRoutes {
  /** The names that TLS clients ask for tell the rules apart: a connection that asks for none has no rule. */
  readonly byName: boolean;
  /** The most specific first. */
  private readonly rules: readonly NamedRule[];

  private constructor(byName: boolean, rules: readonly NamedRule[]) {
    this.byName = byName;
    this.rules = rules;
  }

  /** Reads routes of bytes, of which nothing tells two apart: the first one holds. */
  static opaque(routes: readonly OpaqueRoute[]): ConnectRoutes {
    const rules = routes.flatMap(({ metadata, rules: [rule] }) => ruleFromApi(resourceLabels(metadata), rule));
    return new ConnectRoutes(
      false,
      rules.map((rule) => ({ rule, name: undefined, isSuffix: false })),
    );
  }

  /** Reads routes by name: an exact one comes before the longest suffix before every name, and then the earlier route. */
  static tls(routes: readonly TlsRoute[]): ConnectRoutes {
    const rules = routes.flatMap(({ metadata, snis, rules: [rule] }) => {
      const read = ruleFromApi(resourceLabels(metadata), rule);
      const names = snis.length === 0 ? [everyName] : snis.flatMap(nameFromApi);
      return read.flatMap((each) => names.map((name) => ({ rule: each, ...name })));
    });
    return new ConnectRoutes(
      true,
      rules.sort((a, b) => rank(b) - rank(a)),
    );
  }

  /** `serverName` is in lower case. Undefined when no rule fits. */
  find(serverName: string | undefined): ConnectRule | undefined {
    if (!this.byName) return this.rules[0]?.rule;
    if (serverName === undefined) return undefined;
    return this.rules.find((rule) => fits(rule, serverName))?.rule;
  }

  /** The rule of every name, or of all connections where no name tells them apart; undefined without one. */
  get forAll(): ConnectRule | undefined {
    return this.rules.find(({ name }) => name === undefined)?.rule;
  }

  map<T>(make: (rule: ConnectRule) => T): Map<ConnectRule, T> {
    return new Map(this.rules.map(({ rule }) => [rule, make(rule)]));
  }
}

type Name = Pick<NamedRule, 'name' | 'isSuffix'>;
const everyName: Name = { name: undefined, isSuffix: false };

/** One that cannot be read fits no name: the others of its route still do. */
function nameFromApi({ match }: SniMatch): Name[] {
  if (match.case === 'exact') return [{ name: match.value.toLowerCase(), isSuffix: false }];
  if (match.case !== 'suffix' || match.value.reverseLabels.length === 0) return [];
  const name = `.${[...match.value.reverseLabels].reverse().join('.')}`.toLowerCase();
  return [{ name, isSuffix: true }];
}

const exactRank = 1 << 16;
const rank = ({ name, isSuffix }: Name): number => (name === undefined ? 0 : isSuffix ? name.length : exactRank);

function fits({ name, isSuffix }: Name, serverName: string): boolean {
  if (name === undefined) return true;
  return isSuffix ? serverName.length > name.length && serverName.endsWith(name) : serverName === name;
}

type ApiRule = OpaqueRoute['rules'][number] | TlsRoute['rules'][number];
type ApiBackend = OpaqueRoute_RouteBackend | TlsRoute_RouteBackend;

function ruleFromApi(labels: ResourceLabels, rule: ApiRule | undefined): ConnectRule[] {
  if (rule === undefined) return [];
  return [
    Object.freeze({
      labels,
      // A filter that is not known is one that was to keep something from happening.
      isForbidden: rule.filters.length > 0,
      ...distributionFromApi(rule),
    }),
  ];
}

function distributionFromApi({ backends }: ApiRule): Pick<ConnectRule, 'kind' | 'backends'> {
  const kind = backends?.kind;
  if (kind?.case === 'randomAvailable') {
    return { kind: 'random', backends: kind.value.backends.map(({ backend, weight }) => backendOf(backend, weight)) };
  }
  const first = kind?.case === 'firstAvailable' ? kind.value.backends : [];
  return { kind: 'first', backends: first.map((backend) => backendOf(backend, 1)) };
}

function backendOf(api: ApiBackend | undefined, weight: number): ConnectBackend {
  const [filter] = api?.filters ?? [];
  const destination = filter === undefined ? destinationFromApi(api?.backend?.kind) : undefined;
  const failure = filter?.kind.case === 'invalid' ? filter.kind.value.message : 'the backend cannot be read';
  const labels = resourceLabels(api?.backend?.metadata);
  return { labels, destination, failure: failure.slice(0, longestFailure), weight };
}

/** Of what is told of a backend, in characters. */
const longestFailure = 300;
