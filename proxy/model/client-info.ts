import type { IpAddress } from '../wire/ip-network.ts';

/** What is known of a client. */
export interface ClientInfo {
  readonly address: IpAddress;
  /** TLS of the mesh was terminated here. */
  readonly tls: boolean;
  /** Its verified identity; undefined without a client certificate. */
  readonly identity: string | undefined;
}
