/** One authorization as it holds at a port of a workload. */
export interface HeldAuthorization {
  /** `shop/deployment/orders`. */
  readonly workload: string;
  /** Of the workload's pods. */
  readonly port: number;
  /** How its connections are read: `detect`, `opaque`, `tls`, `http1` or `http2`. */
  readonly protocol: string;
  /** `Server shop/orders`, or `default deny`. */
  readonly server: string;
  /** `HTTPRoute shop/orders-read`; undefined where no route is told apart. */
  readonly route: string | undefined;
  /** `AuthorizationPolicy shop/orders-from-web`; undefined where nobody is let in. */
  readonly authorization: string | undefined;
  /** Whom it lets in; `nobody` without one. */
  readonly clients: string;
  /** The names that sidecars count it by. */
  readonly counted: { readonly server: string; readonly route: string; readonly authorization: string };
}
