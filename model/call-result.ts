/** Where a share of the calls goes. */
export interface CallBackend {
  /** Name of the Service, of its namespace where that is not the called one's; the host for what is no Service. */
  readonly service: string;
  /** Undefined for that of the caller, and for what is no Service. */
  readonly namespace: string | undefined;
  /** Of the Service, or of the host. */
  readonly port: number;
  /** Of all calls like this one; 0 for one that stands by. */
  readonly share: number;
  /** It reaches the application there. */
  readonly allowed: boolean;
  /** What lets the call in there, or why nothing does. */
  readonly by: string;
}

/** What the mesh makes of a call. */
export interface CallResult {
  /** It reaches the application, wherever it is sent. */
  readonly allowed: boolean;
  /** What lets it in: `AuthorizationPolicy shop/orders-from-web`, `default all-unauthenticated`. Else why it is refused. */
  readonly by: string;
  /**
   * What the mesh answers by itself: 403, 404, 500, 504 or what a filter says; 0 where a connection ends without an answer;
   * undefined where the application answers.
   */
  readonly status: number | undefined;
  /** The route that it goes by where it is sent: `HTTPRoute shop/orders-canary`; undefined where there is none. */
  readonly route: string | undefined;
  /** The route by which the called workload took it; undefined where there is none. */
  readonly inboundRoute: string | undefined;
  /** Where it goes; none where the sidecar of the caller answers or ends it. */
  readonly backends: readonly CallBackend[];
  /** It is encrypted, and both ends have proved who they are. */
  readonly mtls: boolean;
  /** For all tries together, in ms; undefined: as long as it takes. */
  readonly timeoutMs: number | undefined;
  /** Tries beyond the first. */
  readonly retries: number;
  /** Its path, host and headers as they come to the application, where rules change them. */
  readonly sent: {
    readonly path: string;
    readonly authority: string;
    readonly headers: Readonly<Record<string, string>>;
  };
  /** Each thing that was looked at, in order, for people. */
  readonly steps: readonly string[];
}
