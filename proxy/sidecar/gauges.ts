import type { OpenConnections } from '../accept/open-connections.ts';
import type { Applications } from '../inbound/application.ts';
import type { Checks } from '../inbound/checks.ts';
import type { Targets } from '../outbound/targets.ts';
import type { PolicyStore } from '../policy/inbound/policy-store.ts';
import type { MetricsRegistry } from '../telemetry/registry.ts';
import type { TimerWheel } from '../timer-wheel.ts';
import type { EndUsers } from '../tokens/end-users.ts';

interface Measured {
  readonly open: OpenConnections;
  readonly deadlines: TimerWheel;
  readonly targets: Targets;
  readonly policies: PolicyStore;
  readonly applications: Applications;
  readonly endUsers: EndUsers;
  readonly checks: Checks;
}

/** What is under way, waits, or lacks something now, across the parts of a proxy. */
export function addGauges(
  registry: MetricsRegistry,
  { open, deadlines, targets, policies, applications, endUsers, checks }: Measured,
): void {
  registry.gauge(
    'proxy_http_streams_open',
    'HTTP requests under way on accepted connections.',
    () => open.activeStreams,
  );
  registry.gauge('proxy_deadlines_armed', 'Waits of requests that have a deadline now.', () => deadlines.armed);
  registry.gauge(
    'outbound_waiters',
    'Requests and connections that wait for an endpoint, or for one of its connections.',
    () => {
      let waiting = 0;
      for (const [, balancer] of targets.balancers()) waiting += balancer.waiting;
      return waiting;
    },
  );
  registry.gauge(
    'inbound_ports_without_policy',
    'Ports of the workload whose default policy holds, since the control plane has not spoken of them.',
    () => policies.unspoken,
  );
  registry.gauge(
    'inbound_waiters',
    'Requests that wait for a connection to the application.',
    () => applications.waiters,
  );
  registry.gauge(
    'inbound_token_waiters',
    'Requests that wait until the token of their end user is checked.',
    () => endUsers.waiters,
  );
  registry.gauge(
    'inbound_ext_authz_waiters',
    'Requests that wait for what an authorizer says of them.',
    () => checks.underWay,
  );
  registry.gauge(
    'inbound_tokens_kept',
    'Tokens of end users that are known to hold, or did until lately.',
    () => endUsers.kept.size,
  );
}
