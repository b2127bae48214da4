import type { PeerBudget, SilentConnection } from '../wire/peer-budget.ts';
import type { Connection } from '../wire/transport.ts';

/** What a client was refused for. */
export type RefusalReason =
  | 'connections'
  | 'connects'
  | 'handshakes'
  | 'silence'
  | 'requests'
  | 'checks'
  | 'resets'
  | 'unread bytes';

/** Of each client, which is an address, or an identity at an address. */
export interface ClientLimits {
  /** Connections at once. */
  readonly connections: number;
  /** Requests under way. */
  readonly requests: number;
  /** New connections, TLS handshakes and reset streams in a second; so many of each at once as come in `burstSeconds`. */
  readonly connectsPerSecond: number;
  readonly handshakesPerSecond: number;
  readonly resetsPerSecond: number;
  /** Bytes that wait for clients which do not read, of one and of all. */
  readonly unreadBytes: number;
  readonly allUnreadBytes: number;
}

export interface ClientBudgetsOptions {
  readonly limits: ClientLimits;
  readonly nowMs: () => number;
  readonly onRefused: (reason: RefusalReason, client: string) => void;
}

const burstSeconds = { connects: 10, handshakes: 10, resets: 60 };
/** A client of the mesh is a proxy that carries the requests of many, and gives up those that they give up. */
const meshedFactor = 10;
/**
 * Connections on which a client has said nothing in the time of detection, and that lead to the application all the same,
 * whose server may be one that speaks first.
 */
const maxSilent = 100;
/** Clients of which nothing is left are looked for when so many are known, or twice as many as were left. */
const fewestToSweep = 1000;

/** What comes at most at a rate, and a number of it at once. */
class Rate {
  private readonly perMs: number;
  private readonly burst: number;
  private spent = 0;
  private atMs = 0;

  constructor(perSecond: number, burst: number) {
    this.perMs = perSecond / 1000;
    this.burst = burst;
  }

  /** Returns false when there is none left. */
  take(nowMs: number): boolean {
    this.pass(nowMs);
    if (this.spent + 1 > this.burst) return false;
    this.spent++;
    return true;
  }

  giveBack(): void {
    if (this.spent > 0) this.spent--;
  }

  isWhole(nowMs: number): boolean {
    this.pass(nowMs);
    return this.spent <= 0;
  }

  private pass(nowMs: number): void {
    this.spent = Math.max(0, this.spent - (nowMs - this.atMs) * this.perMs);
    this.atMs = nowMs;
  }
}

/** What one client has of this process now, and what it has left. */
export class ClientBudget implements PeerBudget {
  /** Requests under way; whoever begins one counts it, and its end. */
  requests = 0;
  /** Open connections. */
  connections = 0;
  private readonly owner: ClientBudgets;
  private readonly client: string;
  private readonly isMeshed: boolean;
  private readonly connects: Rate;
  private readonly handshakes: Rate;
  private readonly resets: Rate;
  private heldBytes = 0;
  private readonly silent = new Set<SilentConnection>();

  constructor(owner: ClientBudgets, client: string, isMeshed: boolean) {
    const { connectsPerSecond, handshakesPerSecond, resetsPerSecond } = owner.options.limits;
    const resets = resetsPerSecond * (isMeshed ? meshedFactor : 1);
    this.owner = owner;
    this.client = client;
    this.isMeshed = isMeshed;
    this.connects = new Rate(connectsPerSecond, connectsPerSecond * burstSeconds.connects);
    this.handshakes = new Rate(handshakesPerSecond, handshakesPerSecond * burstSeconds.handshakes);
    this.resets = new Rate(resets, resets * burstSeconds.resets);
  }

  /** A connection comes. Returns false when it is to be closed. */
  connect(): boolean {
    const { limits, nowMs } = this.owner.options;
    if (this.connections >= limits.connections) return this.refused('connections');
    if (!this.connects.take(nowMs())) return this.refused('connects');
    this.connections++;
    return true;
  }

  handshake(): boolean {
    return this.handshakes.take(this.owner.options.nowMs()) || this.refused('handshakes');
  }

  /** Whether one more request may go on. */
  mayRequest(): boolean {
    const { requests } = this.owner.options.limits;
    return this.requests < (this.isMeshed ? requests * meshedFactor : requests) || this.refused('requests');
  }

  refuseCheck(): void {
    this.refused('checks');
  }

  mayBeSilent(connection: SilentConnection, isLast: boolean): boolean {
    const { silent } = this;
    if (silent.size >= maxSilent) for (const known of silent) if (known.bytesRead > 0) silent.delete(known);
    if (silent.size >= maxSilent) return isLast ? this.refused('silence') : false;
    silent.add(connection);
    return true;
  }

  spoken(connection: SilentConnection): void {
    this.silent.delete(connection);
  }

  reset(): boolean {
    return this.resets.take(this.owner.options.nowMs()) || this.refused('resets');
  }

  completed(): void {
    this.resets.giveBack();
  }

  hold(bytes: number): boolean {
    const { owner } = this;
    const { unreadBytes, allUnreadBytes } = owner.options.limits;
    const held = this.heldBytes + bytes;
    // When there is too much in all, those who have more than their share of it get no more.
    const most = this.isMeshed ? allUnreadBytes : unreadBytes;
    const isOver = owner.heldBytes + bytes > allUnreadBytes && held > allUnreadBytes / owner.holders;
    if (held > most || isOver) return this.refused('unread bytes');
    if (this.heldBytes === 0) owner.holders++;
    this.heldBytes = held;
    owner.heldBytes += bytes;
    return true;
  }

  release(bytes: number): void {
    if (bytes === 0) return;
    this.heldBytes -= bytes;
    this.owner.heldBytes -= bytes;
    if (this.heldBytes === 0) this.owner.holders--;
  }

  closed(): void {
    this.connections--;
  }

  /** Nothing would be told of it that a new one would not tell. */
  isWhole(nowMs: number): boolean {
    const isUnused = this.connections === 0 && this.requests === 0 && this.heldBytes === 0;
    return isUnused && [this.connects, this.handshakes, this.resets].every((rate) => rate.isWhole(nowMs));
  }

  private refused(reason: RefusalReason): false {
    this.owner.options.onRefused(reason, this.client);
    return false;
  }
}

/** A connection that is counted for its client. */
export type BudgetedConnection = Connection & { budget?: PeerBudget | undefined };

/**
 * What clients may have and do, each by itself, over all of its connections: a connection's own limits bound nothing when
 * its client opens another. The limits are generous, for behind an address may be many (a NAT, a load balancer): they are
 * there so that none takes all.
 */
export class ClientBudgets {
  readonly options: ClientBudgetsOptions;
  /** Bytes that wait for clients, and how many clients those are. */
  heldBytes = 0;
  holders = 0;
  private readonly clients = new Map<string, ClientBudget>();
  private sweepAt = fewestToSweep;

  constructor(options: ClientBudgetsOptions) {
    this.options = options;
  }

  /** How many clients are known now. */
  get size(): number {
    return this.clients.size;
  }

  /** Counts a connection that was accepted for its address. Returns false when it is to be closed. */
  admit(connection: BudgetedConnection): boolean {
    const budget = this.of(connection.remoteAddress, false);
    if (!budget.connect()) return false;
    connection.budget = budget;
    return true;
  }

  /** Whether a connection may begin a TLS handshake, which costs more than all else that a stranger can ask for. */
  mayHandshake({ budget }: BudgetedConnection): boolean {
    return budget === undefined || (budget as ClientBudget).handshake();
  }

  /** Counts a connection for the identity that it has proved. */
  identify(connection: BudgetedConnection): void {
    const { budget, tls, remoteAddress } = connection;
    if (budget === undefined || tls?.identity === undefined) return;
    const identified = this.of(`${remoteAddress} ${tls.identity}`, true);
    budget.closed();
    identified.connections++;
    connection.budget = identified;
  }

  private of(client: string, isMeshed: boolean): ClientBudget {
    let budget = this.clients.get(client);
    if (budget === undefined) {
      if (this.clients.size >= this.sweepAt) this.sweep();
      budget = new ClientBudget(this, client, isMeshed);
      this.clients.set(client, budget);
    }
    return budget;
  }

  private sweep(): void {
    const nowMs = this.options.nowMs();
    for (const [client, budget] of this.clients) if (budget.isWhole(nowMs)) this.clients.delete(client);
    this.sweepAt = Math.max(fewestToSweep, this.clients.size * 2);
  }
}
