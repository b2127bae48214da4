import { createSecureContext } from 'node:tls';
import type { Timers } from '../clock.ts';
import { nobody } from '../wire/nobody.ts';
import { type BunSocket, SocketConnection, socketHandlers } from './socket-connection.ts';
import { subjectAltNames } from './subject-alt-names.ts';

/** What a TLS context is made of, all PEM. */
export interface TlsMaterial {
  /** Without key and chain, the context is for a client that shows no certificate. */
  key: string | undefined;
  /** Leaf first, then intermediates. */
  certificateChain: string | undefined;
  trustAnchors: string;
}

/** A native TLS context; a renewal makes a new one, and connections keep the one they began with. */
export interface TlsContext {
  readonly server: unknown;
  readonly client: unknown;
}

/** Order of preference: AES-128-GCM is the cheapest with hardware support. */
const ciphers = 'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256';

/** Throws when key, certificate and anchors are not valid PEM or do not belong together. */
export function makeTlsContext(material: TlsMaterial): TlsContext {
  const common = {
    ...(material.key === undefined ? {} : { key: material.key, cert: material.certificateChain }),
    ca: material.trustAnchors,
    minVersion: 'TLSv1.3',
    ciphers,
  };
  const context = (options: object): unknown =>
    (
      createSecureContext({ ...common, ...options } as Parameters<typeof createSecureContext>[0]) as unknown as {
        context: unknown;
      }
    ).context;
  return {
    server: context({ requestCert: true, rejectUnauthorized: false }),
    client: context({ rejectUnauthorized: true }),
  };
}

/** ALPN names in wire format, as Bun wants them. */
export function alpnWire(names: readonly string[]): Buffer {
  return Buffer.concat(names.map((name) => Buffer.from(String.fromCharCode(name.length) + name, 'latin1')));
}

function namesOf(socket: BunSocket): ReturnType<typeof subjectAltNames> {
  return subjectAltNames((socket.getPeerCertificate() as { subjectaltname?: string } | undefined)?.subjectaltname);
}

/** Who the peer's certificate says it is: its first DNS name, else its SPIFFE id; undefined when it showed none. */
export function peerIdentity(socket: BunSocket): string | undefined {
  const { dns, uris } = namesOf(socket);
  return dns[0] ?? uris.find((uri) => uri.startsWith('spiffe://'));
}

/** Whether the peer's certificate carries an identity: a DNS name, or a SPIFFE id. */
export function proves(socket: BunSocket, identity: string): boolean {
  const { dns, uris } = namesOf(socket);
  return (identity.startsWith('spiffe://') ? uris : dns).includes(identity);
}

/**
 * Turns an accepted connection into the server side of TLS; `hello` is what was read of it so far. A client without a
 * certificate is taken, without an identity; one with a certificate that the anchors do not vouch for is refused.
 * The old connection is dead after this; `onSecure` gets the new one, whose handler it must set, or `onFailed` is told.
 */
export function acceptTls(
  connection: SocketConnection,
  hello: Uint8Array,
  context: TlsContext,
  alpn: readonly string[],
  timeoutMs: number,
  timers: Timers,
  onSecure: (connection: SocketConnection) => void,
  onFailed: (reason: string) => void,
): SocketConnection {
  const secure = new SocketConnection();
  let settled = false;
  const fail = (reason: string): void => {
    if (settled) return;
    settled = true;
    timers.cancel(timer);
    onFailed(reason);
  };
  const timer = timers.after(timeoutMs, () => {
    fail(`no handshake within ${timeoutMs} ms`);
    secure.abort();
  });
  secure.handler = { ...nobody, onClose: (error) => fail(error?.message ?? 'connection closed in the handshake') };
  secure.onHandshake = (socket, verified, error) => {
    const identity = verified ? peerIdentity(socket) : undefined;
    const showedCertificate = Object.keys(socket.getPeerCertificate() ?? {}).length > 0;
    if (!verified && showedCertificate) {
      fail(error?.message ?? 'certificate of an unknown authority');
      socket.terminate();
      return;
    }
    if (settled) return;
    settled = true;
    timers.cancel(timer);
    secure.tls = { identity, alpn: socket.alpnProtocol || undefined };
    onSecure(secure);
  };
  const raw = connection.detach();
  if (raw === undefined) {
    fail('connection closed before the handshake');
    return secure;
  }
  const [, socket] = raw.upgradeTLS({
    data: secure,
    socket: socketHandlers,
    isServer: true,
    initialData: hello,
    tls: { secureContext: context.server, requestCert: true, rejectUnauthorized: false, ALPNProtocols: alpnWire(alpn) },
  } as unknown as Parameters<typeof raw.upgradeTLS>[0]) as unknown as [BunSocket, BunSocket];
  secure.attach(socket);
  secure.budget = connection.budget;
  return secure;
}
