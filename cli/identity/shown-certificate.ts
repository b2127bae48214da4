import { connect } from 'node:tls';

/** An admin server of a sidecar, as it is reached from here. */
export interface AdminServer {
  readonly host: string;
  readonly port: number;
  /** The name that the sidecar's certificate is for. */
  readonly identity: string;
}

/**
 * The certificate (DER) that a sidecar shows to who asks for `identity`. We show none: whatever becomes of the connection
 * afterwards is of no interest. Rejects when none comes.
 */
export function certificateShownAt({ host, port, identity }: AdminServer, timeoutMs: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    // It is looked at, not trusted: nothing is sent to whoever shows it.
    const socket = connect({ host, port, servername: identity, rejectUnauthorized: false, timeout: timeoutMs });
    const over = (problem?: string): void => {
      const raw = problem === undefined ? (socket.getPeerCertificate().raw as Uint8Array | undefined) : undefined;
      socket.destroy();
      if (raw !== undefined) resolve(raw);
      else reject(new Error(problem ?? 'it shows no certificate'));
    };
    socket.once('secureConnect', () => over());
    socket.once('timeout', () => over(`no certificate within ${timeoutMs} ms`));
    socket.on('error', (error: Error) => over(error.message));
    socket.once('close', () => over('it ended the connection: has it a certificate yet?'));
  });
}
