/** One address that answers for a service, as discovery or interception names it. */
export interface EndpointInfo {
  readonly address: string;
  readonly port: number;
  /** Relative share of traffic; 10,000 is normal. */
  readonly weight: number;
  /** Metric labels of the endpoint (`pod`, `deployment`, ...), without the `dst_` prefix. */
  readonly labels: Readonly<Record<string, string>>;
  /**
   * Set for a meshed endpoint: the DNS name or SPIFFE id that its certificate must carry, and the SNI to ask for.
   * Without one the endpoint is spoken to in plaintext, for the reason in `noTlsReason`.
   */
  readonly identity: { readonly name: string; readonly serverName: string } | undefined;
  /** What metrics say of an endpoint without identity; undefined of one that has it. */
  readonly noTlsReason: NoTlsReason | undefined;
  /** The peer is a proxy that takes HTTP/1 carried over HTTP/2. */
  readonly http2: boolean;
  /** Port of the peer's proxy that takes a transport header naming the application's port. */
  readonly opaqueTransportPort: number | undefined;
  /** When an HTTP/2 peer is asked for a sign of life, as the control plane says; undefined when it does not. */
  readonly keepAlive: { readonly intervalMs: number; readonly timeoutMs: number } | undefined;
  /** The authority that requests to it carry instead of their own, as gateways of other clusters want it. */
  readonly authorityOverride: string | undefined;
}

/** Linkerd's words for it (linkerd/tls/src/client.rs). */
export type NoTlsReason = 'loopback' | 'not_provided_by_service_discovery' | 'ingress_without_override';

/** An endpoint of which nothing is known but where it is. */
export function plaintextEndpoint(address: string, port: number, noTlsReason: NoTlsReason): EndpointInfo {
  return {
    address,
    port,
    weight: 10_000,
    labels: {},
    identity: undefined,
    noTlsReason,
    http2: false,
    opaqueTransportPort: undefined,
    keepAlive: undefined,
    authorityOverride: undefined,
  };
}

/** Whether connections that were made to `a` may carry what is meant for `b`: all but its weight and its labels. */
export function sameConnection(a: EndpointInfo, b: EndpointInfo): boolean {
  return (
    a.address === b.address &&
    a.port === b.port &&
    a.identity?.name === b.identity?.name &&
    a.identity?.serverName === b.identity?.serverName &&
    a.noTlsReason === b.noTlsReason &&
    a.http2 === b.http2 &&
    a.opaqueTransportPort === b.opaqueTransportPort &&
    a.keepAlive?.intervalMs === b.keepAlive?.intervalMs &&
    a.keepAlive?.timeoutMs === b.keepAlive?.timeoutMs &&
    a.authorityOverride === b.authorityOverride
  );
}

/** Whether metrics say the same of both. */
export function sameLabels(a: EndpointInfo, b: EndpointInfo): boolean {
  const names = Object.keys(a.labels);
  return names.length === Object.keys(b.labels).length && names.every((name) => a.labels[name] === b.labels[name]);
}
