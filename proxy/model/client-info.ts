import type { IpAddress } from '../wire/ip-network.ts';

/** What is known of a client. */
export interface ClientInfo {
  /** Undefined when it cannot be read: it is in no network then. */
  readonly address: IpAddress | undefined;
  /** TLS of the mesh was terminated here. */
  readonly tls: boolean;
  /** Its verified identity; undefined without a client certificate. */
  readonly identity: string | undefined;
}
