import type { SocketAddress } from '../wire/host-port.ts';

/** A component of the control plane: where it is, and the identity it must prove; plaintext when that is undefined. */
export interface ControlAddress extends SocketAddress {
  readonly serverName: string | undefined;
}
