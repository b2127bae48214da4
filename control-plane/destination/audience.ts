import { difference, type Endpoints } from './difference.ts';
import { encodeAdds, encodeNoEndpoints, encodeRemoves } from './encoded-updates.ts';
import type { Locality } from './topology.ts';

/** Told of the endpoints of one target: all of them first, then changes. Messages are encoded Updates. */
export interface Subscriber {
  readonly node: string | undefined;
  /** See Locality. */
  readonly allZones: boolean;
  send(messages: readonly Buffer[]): void;
}

/** The clients that are told the same: those of one zone that ask for the same, or of one node. A message is made once for all of them. */
export class Audience {
  readonly from: Locality;
  readonly subscribers = new Set<Subscriber>();
  private readonly labels: Readonly<Record<string, string>>;
  private known: Endpoints;
  private exists: boolean;
  private snapshot: readonly Buffer[] | undefined = undefined;

  constructor(
    from: Locality,
    labels: Readonly<Record<string, string>>,
    state: { readonly endpoints: Endpoints; readonly exists: boolean },
  ) {
    this.from = from;
    this.labels = labels;
    this.known = state.endpoints;
    this.exists = state.exists;
  }

  join(subscriber: Subscriber): void {
    this.subscribers.add(subscriber);
    subscriber.send(this.everything());
  }

  /** Takes a client over from an audience that was told otherwise. */
  move(subscriber: Subscriber, before: Audience): void {
    before.subscribers.delete(subscriber);
    this.subscribers.add(subscriber);
    const otherZone = before.from.zone !== this.from.zone;
    const messages = this.changesFrom(before.known, before.exists, otherZone);
    if (messages.length > 0) subscriber.send(messages);
  }

  /** Tells what has changed. Returns whether anything has. */
  update(endpoints: Endpoints, exists: boolean): boolean {
    const { known, exists: existed } = this;
    this.known = endpoints;
    this.exists = exists;
    const messages = this.changesFrom(known, existed);
    if (messages.length === 0) return false;
    this.snapshot = undefined;
    for (const subscriber of [...this.subscribers]) subscriber.send(messages);
    return true;
  }

  private everything(): readonly Buffer[] {
    this.snapshot ??=
      this.known.size === 0
        ? [encodeNoEndpoints(this.exists)]
        : encodeAdds(this.known.values(), this.labels, this.from.zone);
    return this.snapshot;
  }

  /** `retell`: also what is the same, as its locality is not. */
  private changesFrom(before: Endpoints, existed: boolean, retell = false): readonly Buffer[] {
    if (before === this.known && existed === this.exists && !retell) return [];
    if (this.known.size === 0) {
      return before.size === 0 && existed === this.exists ? [] : [encodeNoEndpoints(this.exists)];
    }
    const { added, removed } = difference(before, this.known);
    const told = retell ? this.known.values() : added;
    return [...encodeAdds(told, this.labels, this.from.zone), ...encodeRemoves(removed)];
  }
}
