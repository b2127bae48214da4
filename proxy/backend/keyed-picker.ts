import type { Rendezvous } from '../balance/rendezvous.ts';
import type { Attempt } from '../exchange/attempt.ts';
import { formatHostPort } from '../wire/ip-network.ts';
import type { BalancedEndpoint } from './balanced-endpoint.ts';
import type { Picker } from './picker.ts';
import type { Unconnected } from './unconnected.ts';

/**
 * So long a request waits for a connection to the endpoint of its key, in ms, where that was not found to be out of
 * reach: a proxy that has just started sends none elsewhere only because another was connected sooner.
 */
const patienceMs = 200;

/** So often a key that a client is given is made anew, until the endpoint that it leads to may have the request, too. */
const mostRenewals = 32;

const any = (): boolean => true;

/** Which endpoint has a key: one of those that may have it, or that of its own alone. */
export type EndpointsByKey = Pick<Rendezvous<BalancedEndpoint>, 'replace' | 'pick'>;

/**
 * Gives requests that have a key the endpoint of that key. What depends on the address alone is chosen alike by all
 * proxies. One that cannot have a request now, since it cannot be reached, is ejected, has failed it, or has too many,
 * passes it on to the next of the key; so one that is back has its keys back. Requests without a key go by `keyless`. A key
 * that a client is given now is one of an endpoint that may have it: the client would come back to another else.
 */
export class KeyedPicker implements Picker {
  private readonly keyless: Picker;
  private readonly maxLoad: number;
  private readonly byKey: EndpointsByKey;
  private ready: readonly BalancedEndpoint[] = [];
  private readonly mayHave = (endpoint: BalancedEndpoint): boolean => this.isFor(endpoint);
  // What `mayHave` goes by; a function for each request would be made anew.
  private avoid: unknown = undefined;
  private isFirstTry = false;
  private isPatient = false;
  private most = Number.POSITIVE_INFINITY;

  /** `maxLoad`: see Affinity. */
  constructor(keyless: Picker, byKey: EndpointsByKey, maxLoad: number | undefined) {
    this.keyless = keyless;
    this.byKey = byKey;
    this.maxLoad = maxLoad ?? Number.POSITIVE_INFINITY;
  }

  get size(): number {
    return this.keyless.size;
  }

  replace(endpoints: readonly BalancedEndpoint[]): void {
    this.byKey.replace(endpoints, ({ endpoint: { info } }) => formatHostPort(info.address, info.port));
    this.ready = endpoints.filter(({ state }) => state === 'ready');
    this.keyless.replace(endpoints);
  }

  pick(attempt: Attempt, nowMs: number): BalancedEndpoint | undefined {
    const { key, avoid, exchange } = attempt;
    if (key === undefined) return this.keyless.pick(attempt, nowMs);
    this.avoid = avoid;
    this.isFirstTry = exchange.attempts === 1 && avoid === undefined;
    this.isPatient = this.isFirstTry && nowMs - key.sinceMs < patienceMs;
    this.most = this.maxLoad === Number.POSITIVE_INFINITY ? this.maxLoad : this.mostInFlight();
    let picked = this.byKey.pick(key.hash, this.mayHave);
    for (let i = 0; i < mostRenewals && key.renew !== undefined && picked !== undefined; i++) {
      if (picked === this.byKey.pick(key.hash, any)) break;
      key.renew();
      picked = this.byKey.pick(key.hash, this.mayHave);
    }
    // None may have it but the one that failed it, or has too much: better than nowhere.
    if (picked === undefined) return this.keyless.pick(attempt, nowMs);
    if (picked.state === 'unconnected') picked.connect(attempt);
    return picked.state === 'ready' || picked.state === 'probation' ? picked : undefined;
  }

  first(unconnected: Unconnected<BalancedEndpoint>): BalancedEndpoint | undefined {
    return this.keyless.first(unconnected);
  }

  wants(endpoint: BalancedEndpoint): boolean {
    return this.keyless.wants(endpoint);
  }

  private isFor(endpoint: BalancedEndpoint): boolean {
    if (endpoint === this.avoid || endpoint.ewma.inFlight >= this.most) return false;
    switch (endpoint.state) {
      case 'ready':
        return true;
      case 'probation':
        return this.isFirstTry;
      case 'unconnected':
      case 'connecting':
        return this.isPatient && endpoint.failure === undefined;
      default:
        return false;
    }
  }

  /** At one endpoint, this request among them (Mirrokni, Thorup and Zadimoghaddam, "Consistent Hashing with Bounded Loads"). */
  private mostInFlight(): number {
    let inFlight = 1;
    for (let i = 0; i < this.ready.length; i++) inFlight += this.ready[i].ewma.inFlight;
    return Math.ceil((this.maxLoad * inFlight) / Math.max(1, this.ready.length));
  }
}
