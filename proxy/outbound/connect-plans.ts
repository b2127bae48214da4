import type { TcpBackend } from '../backend/backend.ts';
import type { TcpFailure } from '../backend/failing.ts';
import type { TcpWaiter } from '../backend/tcp-balancer.ts';
import { WeightedChoice } from '../backend/weighted-choice.ts';
import type { ConnectBackend, ConnectRoutes, ConnectRule } from '../policy/outbound/connect-routes.ts';
import type { Destination, OutboundRule } from '../policy/outbound/model.ts';
import type { Connection } from '../wire/transport.ts';
import type { ConnectCounts } from './metrics.ts';

/** One that leads somewhere. */
interface UsableBackend extends ConnectBackend {
  readonly destination: Destination;
}

export interface ConnectPlansOptions {
  /** Who balances over what a rule leads to. */
  readonly backendOf: (backend: UsableBackend) => TcpBackend;
  readonly random: () => number;
  /** What connections of a rule are counted by. */
  readonly countsOf: (rule: ConnectRule) => ConnectCounts;
}

/** What is done with the connections to one target that nobody looks into, made when its policy changes. */
export class ConnectPlans {
  private readonly routes: ConnectRoutes;
  private readonly byRule: ReadonlyMap<ConnectRule, ConnectPlan>;

  constructor(routes: ConnectRoutes, options: ConnectPlansOptions) {
    this.routes = routes;
    this.byRule = routes.map((rule) => new ConnectPlan(rule, options));
  }

  /** `serverName` is what the connection's TLS asks for, in lower case; undefined where it asks for none, or nobody looked. */
  connect(waiter: TcpWaiter, serverName: string | undefined): void {
    const rule = this.routes.find(serverName);
    const plan = rule && this.byRule.get(rule);
    if (plan !== undefined) plan.connect(waiter, serverName ?? '');
    else if (this.routes.byName && serverName === undefined) waiter.onFailed('no server name', 'it asks for none');
    else waiter.onFailed('no route', serverName === undefined ? 'there is none' : `none is for ${serverName}`);
  }

  /**
   * Why one that is open already would be refused now; undefined when it would not. Of one whose name nobody has read,
   * what holds for every name does: it may be any.
   */
  refusal(serverName: string | undefined): { readonly reason: TcpFailure; readonly detail: string } | undefined {
    const rule = serverName === undefined ? this.routes.forAll : this.routes.find(serverName);
    if (rule === undefined) return { reason: 'no route', detail: 'the routes of its target have changed' };
    return rule.isForbidden ? { reason: 'forbidden', detail: forbids(rule) } : undefined;
  }
}

/** Connections of one rule. */
class ConnectPlan {
  private readonly counts: ConnectCounts;
  private readonly choose: () => TcpBackend;

  constructor(rule: ConnectRule, { backendOf, random, countsOf }: ConnectPlansOptions) {
    this.counts = countsOf(rule);
    const { kind, backends } = rule;
    const chosen = (rule.isForbidden ? [] : backends)
      .filter(({ weight }) => weight > 0)
      .map((backend) => ({ item: chainOf(backend, backendOf), weight: backend.weight }));
    if (chosen.length === 0) {
      const refused = rule.isForbidden
        ? new Refused('forbidden', forbids(rule))
        : new Refused('no backend', 'the rule has no backend that takes connections');
      this.choose = () => refused;
    } else if (kind === 'random') {
      const choice = new WeightedChoice(chosen, random);
      this.choose = () => choice.next();
    } else this.choose = () => (chosen.find(({ item }) => item.isAvailable) ?? chosen[0]).item;
  }

  connect(waiter: TcpWaiter, serverName: string): void {
    this.choose().connect(new Counted(waiter, this.counts, serverName));
  }
}

const forbids = ({ labels }: ConnectRule): string => `${labels.kind} ${labels.name} forbids it`;

function chainOf(backend: ConnectBackend, backendOf: ConnectPlansOptions['backendOf']): TcpBackend {
  const { destination, failure } = backend;
  return destination === undefined ? new Refused('no backend', failure) : backendOf({ ...backend, destination });
}

/** The same for requests, where a client sends some to what is said to speak no HTTP. */
export function requestRule({ labels, kind, backends }: ConnectRule): OutboundRule {
  const plain = { filters: undefined, mirrors: [], balancing: undefined, timeoutMs: undefined };
  const named = backends.map((backend) => ({ ...plain, ...backend }));
  return {
    labels,
    isGrpc: false,
    filters: undefined,
    mirrors: [],
    distribution: kind === 'random' ? { kind, backends: named } : { kind, backends: named, minReady: 0, endpoints: [] },
    timeouts: undefined,
    retry: undefined,
    hedge: undefined,
    allowsOverrides: false,
    traceSampleRate: undefined,
  };
}

/** Takes no connection: it has its share of them, as a backend that is there would. */
class Refused implements TcpBackend {
  readonly isAvailable = true;
  private readonly reason: TcpFailure;
  private readonly detail: string;

  constructor(reason: TcpFailure, detail: string) {
    this.reason = reason;
    this.detail = detail;
  }

  connect(waiter: TcpWaiter): void {
    waiter.onFailed(this.reason, this.detail);
  }
}

/** A connection whose rule counts what becomes of it. */
class Counted implements TcpWaiter {
  private readonly waiter: TcpWaiter;
  private readonly counts: ConnectCounts;
  private readonly serverName: string;

  constructor(waiter: TcpWaiter, counts: ConnectCounts, serverName: string) {
    this.waiter = waiter;
    this.counts = counts;
    this.serverName = serverName;
  }

  get gone(): boolean {
    return this.waiter.gone;
  }

  onConnected(connection: Connection, closed: () => void): void {
    const { counts, serverName } = this;
    counts.opened(serverName);
    this.waiter.onConnected(connection, (reason) => {
      counts.closed(serverName, reason ?? '');
      closed();
    });
  }

  onFailed(reason: TcpFailure, detail: string): void {
    this.counts.opened(this.serverName);
    this.counts.closed(this.serverName, reason);
    this.waiter.onFailed(reason, detail);
  }
}
