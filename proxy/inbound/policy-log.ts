import { objectName } from '../model/policy-labels.ts';
import type { Authorization, RoutePolicy, ServerPolicy } from '../policy/inbound/server-policy.ts';
import type { LogFields } from '../telemetry/log.ts';
import { formatIp } from '../wire/ip-network.ts';
import type { Incoming } from './incoming.ts';

/** What the log is told of a decision: the connection, and by what it was decided. */
export function decisionFields(
  { labels, port, client }: Incoming,
  server: ServerPolicy,
  route: RoutePolicy | undefined,
  authz: Authorization | undefined,
): LogFields {
  return {
    ...labels,
    client: client.address && formatIp(client.address),
    port,
    server: objectName(server.labels),
    route: route && objectName(route.labels),
    authz: authz && objectName(authz.labels),
  };
}

/** What lines of a decision are limited by: who asks for what, by identity where there is one. */
export const decisionKey = (decision: string, { client, shownPort }: Incoming): string =>
  `${decision} ${shownPort} ${client.identity ?? (client.address === undefined ? '' : formatIp(client.address))}`;
