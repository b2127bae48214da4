import { Hold } from '../accept/hold.ts';
import type { OpenConnections } from '../accept/open-connections.ts';
import { splice } from '../opaque/splice.ts';
import { authorize } from '../policy/inbound/authorize.ts';
import type { KnownPortPolicy } from '../policy/inbound/port-policy.ts';
import type { Log } from '../telemetry/log.ts';
import { errnoOf } from '../upstream/dialer.ts';
import type { Connection } from '../wire/transport.ts';
import type { Applications } from './application.ts';
import type { Incoming } from './incoming.ts';
import type { InboundMetrics } from './metrics.ts';
import { decisionFields } from './policy-log.ts';

export interface InboundTcpOptions {
  log: Log;
  open: OpenConnections;
  metrics: InboundMetrics;
  applications: Applications;
}

/** Carries a connection as opaque bytes to the application, if policy lets it in, and for as long as it does. */
export function carryOpaque(
  connection: Connection,
  { address, port, client, labels }: Incoming,
  policy: KnownPortPolicy,
  bytes: Uint8Array,
  { log, open, metrics, applications }: InboundTcpOptions,
): void {
  const authz = authorize(policy.current.authorizations, client);
  if (authz === undefined) {
    log.info('connection denied', decisionFields(labels, policy.current, port, undefined, undefined));
    metrics.tcpDeny(labels, policy.current, port);
    policy.release();
    connection.abort();
    return;
  }
  metrics.tcpAllow(labels, policy.current, port, authz);
  if (authz.audit) log.info('connection allowed', decisionFields(labels, policy.current, port, undefined, authz));
  const accepted = metrics.accepted(labels, policy.current, port);
  accepted.connectionOpened(connection);
  policy.subscribe(() => {
    if (authorize(policy.current.authorizations, client) !== undefined) return;
    metrics.tcpTerminate(labels, policy.current, port);
    log.info('connection terminated', decisionFields(labels, policy.current, port, undefined, undefined));
    connection.abort();
  });
  const tunnel = { drain: () => {} };
  open.add(tunnel);
  const closed = (error: Error | undefined): void => {
    policy.release();
    open.remove(tunnel);
    accepted.connectionClosed(connection, errnoOf(error));
  };
  const held = new Hold(connection, bytes, closed);
  applications.at(address, port).connectTcp(
    (application) => {
      if (held.gone) {
        application.close();
        return;
      }
      held.release((first) => {
        splice(connection, application, closed);
        if (first.length > 0) application.write(first);
      });
    },
    (reason) => {
      metrics.tcpError(reason === 'overflow' ? 'loadshed' : reason);
      if (!held.gone) connection.abort();
    },
  );
}
