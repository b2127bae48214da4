import type { Traffic } from './traffic.ts';

/** Workloads of a kind, or one of them. */
export interface Subject {
  /**
   * In lower case: `deployment`, `statefulset`, `job`, ..., `pod`, `namespace`, `service`; by `gatewayRoute` it is
   * `httproute`, `grpcroute`, `tcproute` or `tlsroute`.
   */
  readonly kind: string;
  /** Undefined: all of the kind. */
  readonly name?: string;
  /** Undefined: in all namespaces. */
  readonly namespace?: string;
  /** A label selector, as kubectl's `-l`. */
  readonly selector?: string;
}

/** What makes a row of its own, and what the row then is. */
export interface RowsBy {
  /** Each of the subject. What is called of a Service its callers counted. */
  workload: WorkloadRow;
  /** Each pod of the subject. */
  pod: WorkloadRow;
  /** What the subject calls, by the routes of Services that have a profile. */
  route: RouteRow;
  /** What the subject calls, by the name it calls it. */
  authority: AuthorityRow;
  /** What the subject lets in, by the authorization that let it in. */
  authorization: AuthorizationRow;
  /** What comes in to the subject, by the Server and route that took it. */
  inboundRoute: InboundRouteRow;
  /** What the subject calls, by the route that sent it, and by the backends of each. */
  outboundRoute: OutboundRouteRow;
  /** Each route of the subject by what it is a route of, as callers counted what it sent, or Servers what it took. */
  gatewayRoute: GatewayRouteRow;
  /** Who calls whom, as far as the subject takes part in it. */
  edge: EdgeRow;
}

/** What is asked. Calls count where they come in to the subject, unless `to` or `from` or `by` says otherwise. */
export interface FigureQuery<By extends keyof RowsBy = keyof RowsBy> {
  readonly by: By;
  readonly subject: Subject;
  /**
   * Only calls to this, as the subject counted them. By route and gateway route it is a Service, and such calls as any
   * caller counted them. Not together with `from`.
   */
  readonly to?: Subject;
  /** Only calls from this, as this counted them. */
  readonly from?: Subject;
  /** How far back the figures go. Undefined: as far as the store knows, and then it tells no rates. */
  readonly windowMs?: number;
}

export interface WorkloadRow {
  readonly namespace: string;
  readonly name: string;
  /** Phase of a pod; workloads have none. */
  readonly status?: string;
  readonly pods: number;
  readonly meshedPods: number;
  /** How many of its pods were to have a sidecar and have none, as far as that can be told. Default 0. */
  readonly lackingSidecars?: number;
  readonly traffic: Traffic;
}

export interface RouteRow {
  /** `[DEFAULT]` for requests that none of the profile's routes fits. */
  readonly route: string;
  readonly service: string;
  readonly namespace: string;
  /** Each request once, as whoever called saw it. */
  readonly traffic: Traffic;
  /** Each of its tries, without latencies. */
  readonly tries: Traffic;
}

export interface AuthorityRow {
  /** Host and port, as the caller named them. */
  readonly authority: string;
  readonly traffic: Traffic;
}

export interface AuthorizationRow {
  /** Name and port. */
  readonly server: string;
  readonly route: string;
  /** Empty for what none let in. */
  readonly authorization: string;
  readonly traffic: Traffic;
}

export interface InboundRouteRow {
  readonly namespace: string;
  readonly name: string;
  /** Name and port. */
  readonly server: string;
  readonly route: string;
  /** `httproute`, `default`, ...; empty where no route is told apart. */
  readonly kind: string;
  /** Of the kind: two groups have an HTTPRoute. */
  readonly group: string;
  readonly traffic: Traffic;
}

export interface OutboundRouteRow {
  readonly namespace: string;
  readonly name: string;
  /** What was called: `orders:8080`, and its namespace. */
  readonly service: string;
  readonly serviceNamespace: string;
  readonly route: string;
  /** `HTTPRoute`, `default`, ... */
  readonly kind: string;
  /** Of the kind: two groups have an HTTPRoute. */
  readonly group: string;
  /** `orders-next:8080`; empty of a row for the whole route, which alone knows of retries and timeouts. */
  readonly backend: string;
  readonly traffic: Traffic;
}

/** A route of the Gateway API, or of Linkerd's, and one of its parents. */
export interface GatewayRouteRow {
  readonly namespace: string;
  readonly name: string;
  /** Of its kind: two groups have an HTTPRoute. */
  readonly group: string;
  /** In lower case: `service` or `egressnetwork` of what it sends there, `server` of what it takes. */
  readonly parentKind: string;
  readonly parentNamespace: string;
  readonly parent: string;
  /** Empty where the route names none and nothing was counted. */
  readonly parentPort: string;
  readonly traffic: Traffic;
}

/** Calls from one workload to another, as one of their two sidecars counted them. */
export interface EdgeRow {
  /** The workload that calls; as the one that is called tells it, the service account of who calls, or `unknown`. */
  readonly source: string;
  /** Empty when it is not known. */
  readonly sourceNamespace: string;
  /** The workload that is called, or the name or address by which it is. */
  readonly target: string;
  /** Empty when it is not known. */
  readonly targetNamespace: string;
  /** Which sidecar says so. */
  readonly seenBy: 'source' | 'target';
  /** The service account of that sidecar; empty when it is not known. */
  readonly account: string;
  /** What the other side proved to be; empty when it proved nothing. */
  readonly peerIdentity: string;
  readonly requests: number;
  /** Connections that were opened, those that carry requests among them. */
  readonly connections: number;
  /** Why the calls were not mutually authenticated; undefined when they were. */
  readonly insecure: string | undefined;
}

/** Pods whose sidecars are left out of the figures. */
export interface Silent {
  readonly count: number;
  /** The first of them, with the reason. */
  readonly some: readonly { readonly namespace: string; readonly name: string; readonly reason: string }[];
}

export interface Figures<By extends keyof RowsBy = keyof RowsBy> {
  readonly rows: readonly RowsBy[By][];
  readonly silent: Silent;
}

/** Where figures come from. What asks does not know whether sidecars are read for it, or somebody has kept what they told. */
export interface FiguresStore {
  /**
   * Rejects with an UnknownSubject when the subject, or what `from` names, is not there, and with the reason of `signal`
   * when that aborts. A subject without calls has rows without traffic.
   */
  query<By extends keyof RowsBy>(query: FigureQuery<By>, signal: AbortSignal): Promise<Figures<By>>;
  close(): void;
}

/** Nothing in the mesh is what a query names. */
export class UnknownSubject extends Error {
  readonly subject: Subject;
  readonly role: 'subject' | 'from';

  constructor(subject: Subject, role: 'subject' | 'from') {
    super(`no ${subjectTitle(subject)}${subject.namespace === undefined ? '' : ` in namespace ${subject.namespace}`}`);
    this.subject = subject;
    this.role = role;
  }
}

/** `deployment/web`, or `deployment` for all. */
export const subjectTitle = ({ kind, name }: Subject): string => (name ? `${kind}/${name}` : kind);
