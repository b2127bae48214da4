import type { ControlAddress } from '../control/control-address.ts';

export interface IdentityConfig {
  /** `IDENTITY_SVC_ADDR`, `IDENTITY_SVC_NAME`: who certifies. While it does not answer, what is certified lives on. */
  readonly address: ControlAddress;
  /** `IDENTITY_LOCAL_NAME`, else `IDENTITY_SERVER_NAME`: the name that this workload is certified for. */
  readonly localName: string;
  /** `IDENTITY_TOKEN_FILE`: read anew for each request; when it cannot be read, the request is tried again. */
  readonly tokenFile: string;
  /** `IDENTITY_TRUST_ANCHORS`: PEM, one or more. A peer that they do not vouch for is refused. */
  readonly trustAnchors: string;
  /** `IDENTITY_MIN_REFRESH`: a certificate is never renewed sooner. Default 10 s. */
  readonly minRefreshMs: number;
  /** `IDENTITY_MAX_REFRESH`: nor later, whatever its lifetime. Default 24 h. */
  readonly maxRefreshMs: number;
}
