/** One address that answers for a service, as discovery or interception names it. */
export interface EndpointInfo {
  readonly address: string;
  readonly port: number;
  /** Relative share of traffic; 10,000 is normal. */
  readonly weight: number;
  /** Metric labels of the endpoint (`pod`, `deployment`, ...), without the `dst_` prefix. */
  readonly labels: Readonly<Record<string, string>>;
  /** Set for a meshed endpoint: the DNS name its certificate must carry, and the SNI to ask for. */
  readonly identity: { readonly name: string; readonly serverName: string } | undefined;
  /** The peer is a proxy that takes HTTP/1 carried over HTTP/2. */
  readonly http2: boolean;
  /** Port of the peer's proxy that takes a transport header naming the application's port. */
  readonly opaqueTransportPort: number | undefined;
}
