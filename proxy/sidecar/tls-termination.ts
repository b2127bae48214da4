import type { ClientBudgets } from '../accept/client-budgets.ts';
import type { TerminateTls } from '../accept/terminate-tls.ts';
import type { Clock } from '../clock.ts';
import type { SocketConnection } from '../net/socket-connection.ts';
import { acceptTls } from '../net/tls.ts';
import type { ControlPlane } from './control-plane.ts';

/**
 * Terminates TLS by the certificate that the proxy has now, for clients that have not begun more handshakes than they
 * may; undefined before the first. A handshake fails that takes longer than `timeoutMs`.
 */
export function terminateTlsBy(
  control: Pick<ControlPlane, 'tls'>,
  clients: ClientBudgets,
  clock: Clock,
  timeoutMs: number,
): () => TerminateTls | undefined {
  return () => {
    const { tls } = control;
    if (tls === undefined) return undefined;
    return (connection, hello, alpn, onSecure, onFailed) => {
      const accepted = connection as SocketConnection;
      if (!clients.mayHandshake(accepted)) {
        onFailed('too many handshakes of this client');
        accepted.abort();
        return;
      }
      const identified = (secure: SocketConnection): void => {
        clients.identify(secure);
        onSecure(secure);
      };
      acceptTls(accepted, hello, tls, alpn, timeoutMs, clock, identified, onFailed);
    };
  };
}
