import type { LoadConfig } from '../../balance/load.ts';
import type { Filters } from '../../filter/filter.ts';
import type { Ratio } from '../../filter/ratio.ts';
import type { Affinity } from '../../model/affinity.ts';
import type { HedgeRule, RetryRule, RuleTimeouts } from '../../model/tries.ts';
import type { BreakerConfig } from '../../resilience/breaker/make-breaker.ts';
import type { RouteTable } from '../../route/route-table.ts';
import { defaultLabels, type ResourceLabels } from '../labels.ts';
import type { ConnectRoutes } from './connect-routes.ts';

/**
 * What a target is said to speak; `detect` when its first bytes are to tell. `tls` is passed on as it is, by the name that it
 * asks for.
 */
export type DeclaredProtocol = 'detect' | 'http1' | 'http2' | 'tls' | 'opaque';

/** Where a backend leads: to all endpoints of what discovery calls `path` (`host:port`), or to one address. */
export type Destination =
  | { readonly kind: 'service'; readonly path: string }
  | { readonly kind: 'address'; readonly address: string; readonly port: number };

/** One of the places that a rule sends to. */
export interface RuleBackend {
  readonly labels: ResourceLabels;
  /** Undefined when there is no such thing: what goes there fails, if no filter answers it. */
  readonly destination: Destination | undefined;
  /** What is done to its tries and their responses on the way; undefined when nothing is. */
  readonly filters: Filters | undefined;
  /** Where copies of what goes there are sent, too. */
  readonly mirrors: readonly RuleMirror[];
  /** How it is balanced over; undefined: by round trips alone, and whatever endpoints answer they stay. */
  readonly balancing: BackendBalancing | undefined;
  /** Among those of its rule; those of 0 get nothing but the sessions that they have. */
  readonly weight: number;
  /** For one try, from its start to the end of its response; undefined: as long as it takes. */
  readonly timeoutMs: number | undefined;
}

/** Where copies of a share of the requests go. */
export interface RuleMirror {
  readonly labels: ResourceLabels;
  readonly destination: Destination;
  /** Undefined for all of them. */
  readonly ratio: Ratio | undefined;
}

/** What endpoints are chosen by besides their load. */
export interface EndpointChoices {
  /** Undefined where requests have no keys. */
  readonly affinity: Affinity | undefined;
  /** Set where endpoints of the own zone come first: up to so many requests in flight for each. */
  readonly zones: { readonly maxLoad: number } | undefined;
}

/** How endpoints are told apart: by what they answer, by keys of requests, by where they are. */
export interface BackendBalancing extends EndpointChoices {
  readonly load: LoadConfig;
  /** By what endpoints are ejected; undefined when none ever is. */
  readonly breaker: BreakerConfig | undefined;
}

/** To the first that has enough endpoints that are ready. */
export interface FailoverBackends {
  readonly kind: 'first';
  readonly backends: readonly RuleBackend[];
  /** Which share of its endpoints is enough, from 0 to 1; one has to be, in any case. */
  readonly minReady: number;
  /** How many each backend has, as far as that is told, those that are not ready among them. */
  readonly endpoints: readonly number[];
}

/** To one of those that take requests, by weight. */
interface WeightedBackends {
  readonly kind: 'random';
  readonly backends: readonly RuleBackend[];
}

export type Distribution = FailoverBackends | WeightedBackends;

/** What is done with the requests of a rule of a route. */
export interface OutboundRule {
  readonly labels: ResourceLabels;
  /** It is of a route of gRPC: its calls are told apart by their gRPC status. */
  readonly isGrpc: boolean;
  /** What is done to its requests and responses on the way; undefined when nothing is. */
  readonly filters: Filters | undefined;
  /** Where copies of its requests are sent, too. */
  readonly mirrors: readonly RuleMirror[];
  readonly distribution: Distribution;
  readonly timeouts: RuleTimeouts | undefined;
  readonly retry: RetryRule | undefined;
  /** When a request that may be done twice goes to another endpoint, too; undefined for never. */
  readonly hedge: HedgeRule | undefined;
  /** Whether what a request asks for, in `l5d-retry-*` and `l5d-*timeout`, stands before timeouts and retries. */
  readonly allowsOverrides: boolean;
  /** Of its requests of whose trace nobody has decided, the share of which one begins; undefined: that of the proxy. */
  readonly traceSampleRate: number | undefined;
}

/** A Service that requests may ask for in place of the target. */
export interface OverrideTarget {
  readonly labels: ResourceLabels;
  readonly destination: Destination;
}

/** How what this workload sends to one target is treated. */
export interface OutboundPolicy {
  readonly protocol: DeclaredProtocol;
  /** The object that the policy was found for. */
  readonly labels: ResourceLabels;
  /**
   * By the version that a request comes in: where the protocol is declared, both are the same. Undefined where nothing is
   * said of routes; a table without any has none for any request.
   */
  readonly http1: RouteTable<OutboundRule> | undefined;
  readonly http2: RouteTable<OutboundRule> | undefined;
  /** Of connections that nobody looks into; undefined where nothing is said of them. */
  readonly connect: ConnectRoutes | undefined;
  /** What requests may ask for in place of the target. */
  readonly overrides: readonly OverrideTarget[];
}

/** Of a target of which nothing is said: its first bytes tell what it speaks, and all goes to the target itself. */
export const noPolicy: OutboundPolicy = Object.freeze({
  protocol: 'detect',
  labels: { ...defaultLabels('none'), namespace: '', port: 0, section: '' },
  http1: undefined,
  http2: undefined,
  connect: undefined,
  overrides: [],
});
