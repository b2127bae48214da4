import { Hold } from '../accept/hold.ts';
import type { OpenConnections } from '../accept/open-connections.ts';
import { type SpliceGuard, splice } from '../opaque/splice.ts';
import { authorize } from '../policy/inbound/authorize.ts';
import type { KnownPortPolicy } from '../policy/inbound/port-policy.ts';
import { type Authorization, mayStayOpaque } from '../policy/inbound/server-policy.ts';
import type { LimitedLog } from '../telemetry/limited-log.ts';
import { errnoOf } from '../upstream/dialer.ts';
import { Opening } from '../wire/detect/opening.ts';
import { nobody } from '../wire/nobody.ts';
import type { Connection } from '../wire/transport.ts';
import type { Applications } from './application.ts';
import type { Incoming } from './incoming.ts';
import type { InboundMetrics } from './metrics.ts';
import { decisionFields, decisionKey } from './policy-log.ts';

export interface InboundTcpOptions {
  /** Of what clients bring about. */
  peerLog: LimitedLog;
  open: OpenConnections;
  metrics: InboundMetrics;
  applications: Applications;
}

/**
 * Carries a connection as opaque bytes to the application, if policy lets it in, and for as long as it does and
 * does not come to look into what is said.
 *
 * With `asHttp` it is not known what the connection speaks, only that it does not look like HTTP, or has not said anything
 * yet. Then nothing passes that the application could read as an HTTP request: no policy of routes would have seen it, and
 * nobody taken from it what only proxies may say. As long as nothing has passed, such a connection goes on by `asHttp`;
 * after that it is cut off.
 */
export function carryOpaque(
  connection: Connection,
  incoming: Incoming,
  policy: KnownPortPolicy,
  bytes: Uint8Array,
  { peerLog, open, metrics, applications }: InboundTcpOptions,
  asHttp?: (bytes: Uint8Array) => void,
): void {
  const { address, port, shownPort, client, labels } = incoming;
  const tell = (decision: string, authz: Authorization | undefined): void =>
    peerLog.info(decisionKey(decision, incoming), decision, decisionFields(incoming, policy.current, undefined, authz));
  const authz = authorize(policy.current.authorizations, client);
  if (authz === undefined) {
    tell('connection denied', undefined);
    connection.budget?.spoken(connection);
    metrics.tcpDeny(labels, policy.current, shownPort);
    policy.release();
    connection.abort();
    return;
  }
  metrics.tcpAllow(labels, policy.current, shownPort, authz);
  if (authz.audit) tell('connection allowed', authz);
  const accepted = metrics.accepted(labels, policy.current, shownPort);
  accepted.connectionOpened(connection);
  const begun = policy.current;
  const unsubscribe = policy.subscribe(() => {
    const { current } = policy;
    if (authorize(current.authorizations, client) !== undefined && mayStayOpaque(begun, current)) return;
    metrics.tcpTerminate(labels, policy.current, shownPort);
    tell('connection terminated', undefined);
    connection.abort();
  });
  const tunnel = { drain: () => {} };
  open.add(tunnel, connection, 'opaque');
  const closed = (error: Error | undefined): void => {
    policy.release();
    connection.budget?.spoken(connection);
    open.remove(tunnel);
    accepted.connectionClosed(connection, errnoOf(error));
  };
  const becomeHttp = (first: Uint8Array): void => {
    unsubscribe();
    open.remove(tunnel);
    accepted.connectionClosed(connection, '');
    asHttp?.(first);
  };
  const guard = (opening: Opening, untouchedYet: boolean): SpliceGuard => ({
    look: (chunk) => {
      const verdict = opening.read(chunk);
      return verdict === 'http' ? 'stop' : verdict === 'other' ? 'done' : 'pass';
    },
    mayEnd: () => opening.end() === 'other',
    onStopped: (chunk, untouched) => {
      if (untouched && untouchedYet) {
        becomeHttp(chunk);
        return;
      }
      const message =
        'connection cut off: what was carried as opaque bytes went on as an HTTP request. Declare its port';
      peerLog.warn(`${message} ${port}`, message, {
        ...labels,
        port,
        client: connection.remoteAddress,
      });
      metrics.tcpError('late http');
      connection.handler = { ...nobody, onClose: closed };
      connection.abort();
    },
  });
  const held = new Hold(connection, bytes, closed);
  applications.at(address, port).connectTcp(
    (application) => {
      if (held.gone) {
        application.close();
        return;
      }
      held.release((first) => {
        const opening = asHttp && new Opening(policy.current.written);
        const verdict = opening?.read(first) ?? 'other';
        if (verdict === 'http') {
          application.close();
          becomeHttp(first);
          return;
        }
        splice(connection, application, closed, verdict === 'other' ? undefined : guard(opening!, first.length === 0));
        if (first.length > 0) application.write(first);
      });
    },
    (reason) => {
      metrics.tcpError(reason === 'overflow' ? 'loadshed' : reason);
      if (!held.gone) connection.abort();
    },
  );
}
