import type { PolicyLabels } from '../proxy/model/policy-labels.ts';
import type { Authorization, RoutePolicy, ServerPolicy } from '../proxy/policy/inbound/server-policy.ts';
import { clientsOf } from './authorizations.ts';
import type { HeldAuthorization } from './held-authorization.ts';
import { nameOf, routeNameOf } from './names.ts';
import { type Workload, workloadName } from './workload.ts';

/** What holds at a port; nothing where there is no sidecar. Routes of probes are for the kubelet, and left out. */
export function heldAt(to: Workload, port: number, policy: ServerPolicy | undefined): HeldAuthorization[] {
  if (policy === undefined) return [];
  const { labels: server, routes } = policy;
  const held = (route: PolicyLabels | undefined, authorizations: readonly Authorization[]): HeldAuthorization[] => {
    const asked: readonly (Authorization | undefined)[] = authorizations.length === 0 ? [undefined] : authorizations;
    return asked.map((one) => ({
      ...{ workload: workloadName(to), port, protocol: policy.protocol },
      server: nameOf(server, to.namespace),
      route: routeNameOf(route, to.namespace),
      authorization: one && nameOf(one.labels, to.namespace),
      clients: one === undefined ? 'nobody' : clientsOf(one),
      counted: {
        server: `${server.name}:${port}`,
        route: route?.name ?? '',
        authorization: one?.labels.name ?? '',
      },
    }));
  };
  if (routes === undefined) return held(undefined, policy.authorizations);
  const plans = new Set([...routes.entries()].map(({ plan }): RoutePolicy => plan));
  return [...plans]
    .filter(({ labels: { kind, name } }) => !(kind === 'default' && name === 'probe'))
    .flatMap(({ labels, authorizations }) => held(labels, authorizations));
}
