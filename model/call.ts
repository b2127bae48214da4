import type { IpAddress } from '../proxy/wire/ip-network.ts';
import type { Workload } from './workload.ts';

/** What a call of a test or of `tulle explain` is. */
export interface Call {
  /** Undefined: from outside of the mesh, and of the cluster. */
  readonly from: Workload | undefined;
  /** Of the client, where it is no workload; undefined for one in the world outside. */
  readonly address: IpAddress | undefined;
  readonly url: URL;
  readonly path: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly grpc: boolean;
  /** It is a connection of no HTTP, which nobody looks into; undefined: a request. */
  readonly connection: Connection | undefined;
  /** A valid token of an end user comes with it. */
  readonly token: boolean;
}

export interface Connection {
  /** What its TLS asks for, in lower case; undefined for bytes that are no TLS. */
  readonly serverName: string | undefined;
}
