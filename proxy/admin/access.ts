import { peek } from '../accept/peek.ts';
import type { TerminateTls } from '../accept/terminate-tls.ts';
import type { Timers } from '../clock.ts';
import type { ClientInfo } from '../model/client-info.ts';
import { authorize } from '../policy/inbound/authorize.ts';
import type { PolicyStore } from '../policy/inbound/policy-store.ts';
import type { PortPolicy } from '../policy/inbound/port-policy.ts';
import { maxHelloBytes, parseClientHello } from '../wire/detect/client-hello.ts';
import { detectHttp } from '../wire/detect/http-detect.ts';
import { isLoopback, parseIp } from '../wire/ip-network.ts';
import type { HttpVersion, RequestHead } from '../wire/stream.ts';
import type { Connection } from '../wire/transport.ts';

export interface AdminAccessOptions {
  timers: Timers;
  policies: Pick<PolicyStore, 'acquire'>;
  /** The name that clients of the mesh ask for; undefined without identity. */
  localName: string | undefined;
  /** Undefined as long as there is no certificate. */
  terminateTls: () => TerminateTls | undefined;
  /** How long the first bytes of a connection are waited for, in ms. */
  detectTimeoutMs: number;
}

/** Who calls the admin server by one connection. */
export interface AdminCaller {
  /** The address of another host that calls; undefined for this one, which may change things, too. */
  readonly otherHost: string | undefined;
  /** Whether it may read what the policy of this port is about: all but health, which is for the kubelet. */
  mayRead(head: RequestHead): boolean;
}

/** Serves a connection of which `bytes` have been read; `closed` is to be called when it has closed. */
export type ServeAdmin = (
  connection: Connection,
  version: HttpVersion,
  bytes: Uint8Array,
  caller: AdminCaller,
  closed: () => void,
) => void;

/**
 * Who may ask the admin server for what: the policy of its port is that of any port of the pod, by Servers that somebody
 * wrote and by the default. Clients of the mesh come with its TLS, and so with their identity; what comes from this host
 * is the pod's own, the kubelet's port-forward included.
 */
export class AdminAccess {
  private readonly options: AdminAccessOptions;

  constructor(options: AdminAccessOptions) {
    this.options = options;
  }

  /** Has a connection served once it is known who calls by it, and in which version. */
  accept(connection: Connection, serve: ServeAdmin): void {
    const { timers, policies, localName, detectTimeoutMs } = this.options;
    const limits = { timeoutMs: detectTimeoutMs, limitBytes: maxHelloBytes };
    const policy = policies.acquire(connection.localPort);
    const closed = (): void => policy?.release();
    /** Sidecars of the mesh carry HTTP/1 over HTTP/2. */
    const serveAs = (served: Connection, bytes: Uint8Array, final: boolean): boolean => {
      const version = detectHttp(bytes, final);
      if (version === 'more') return false;
      serve(served, version === 'http2' ? 'http2' : 'http1', bytes, callerOf(served, policy), closed);
      return true;
    };
    const decide = (bytes: Uint8Array, final: boolean): boolean => {
      const hello = parseClientHello(bytes);
      if (hello.kind === 'more' && !final) return false;
      const terminate = this.options.terminateTls();
      if (hello.kind === 'hello' && localName !== undefined && hello.serverName === localName && terminate) {
        terminate(
          connection,
          bytes,
          ['h2', 'http/1.1'],
          (secure) => peek(secure, limits, timers, (inside, last) => serveAs(secure, inside, last), closed),
          closed,
        );
        return true;
      }
      return serveAs(connection, bytes, final);
    };
    peek(connection, limits, timers, decide, closed);
  }
}

function callerOf({ remoteAddress, tls }: Connection, policy: PortPolicy | undefined): AdminCaller {
  const client: ClientInfo = { address: parseIp(remoteAddress), tls: tls !== undefined, identity: tls?.identity };
  const otherHost = isLoopback(remoteAddress) ? undefined : remoteAddress;
  return { otherHost, mayRead: (head) => otherHost === undefined || isLetIn(policy, client, head) };
}

function isLetIn(policy: PortPolicy | undefined, client: ClientInfo, head: RequestHead): boolean {
  const server = policy?.current;
  if (server === undefined) return false;
  const route = server.routes?.find(head);
  if (route === undefined && server.routes !== undefined) return false;
  // Whom a token would let in comes without one: no scraper is an end user.
  if (route?.tokens?.required) return false;
  // The admin server asks nobody: it answers, too, while all others are away.
  if (route?.checks !== undefined) return false;
  return authorize((route ?? server).authorizations, client) !== undefined;
}
