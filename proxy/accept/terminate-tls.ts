import type { Connection } from '../wire/transport.ts';

/** Terminates the mesh's TLS on a connection whose ClientHello has been read. */
export type TerminateTls = (
  connection: Connection,
  hello: Uint8Array,
  alpn: readonly string[],
  onSecure: (connection: Connection) => void,
  onFailed: (reason: string) => void,
) => void;
