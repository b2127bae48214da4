import type { Authorization, RoutePolicy, ServerPolicy } from '../policy/inbound/server-policy.ts';
import type { PolicyLabels } from '../policy/labels.ts';
import type { Labels } from '../telemetry/labels.ts';
import type { LogFields } from '../telemetry/log.ts';

/** What the log is told of a decision: the connection, and by what it was decided. */
export function decisionFields(
  connection: Labels,
  server: ServerPolicy,
  port: number,
  route: RoutePolicy | undefined,
  authz: Authorization | undefined,
): LogFields {
  return {
    ...connection,
    port,
    server: nameOf(server.labels),
    route: route && nameOf(route.labels),
    authz: authz && nameOf(authz.labels),
  };
}

/** `default/audit`, `policy.linkerd.io/server/web`. */
function nameOf({ group, kind, name }: PolicyLabels): string {
  return group === '' ? `${kind}/${name}` : `${group}/${kind}/${name}`;
}
