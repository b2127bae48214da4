import { objectName } from '../model/policy-labels.ts';
import type { Target } from '../outbound/target.ts';
import type { PolicyStore } from '../policy/inbound/policy-store.ts';
import type { Authorization, RoutePolicy, ServerPolicy } from '../policy/inbound/server-policy.ts';
import type { WatchedPort } from '../policy/inbound/watched-port.ts';
import type { OutboundPolicy, OutboundRule, RuleBackend } from '../policy/outbound/model.ts';
import { describeMatch } from '../route/describe-match.ts';
import type { RouteTable } from '../route/route-table.ts';
import { formatHostPort } from '../wire/ip-network.ts';
import { type DebugPage, pageOf } from './page.ts';

/** What decides about requests: the policy of each port of the workload, and the rules of each target that it calls. */
export function routesPage(policies: PolicyStore, targets: Iterable<Target>): DebugPage {
  return pageOf(
    (function* () {
      for (const port of policies.ports()) yield describePort(port);
      for (const target of targets) yield describeTarget(target);
    })(),
    (one) => one,
  );
}

function describePort({ port, policy, isDefault }: WatchedPort): unknown {
  if (policy === undefined) return { direction: 'inbound', port, policy: 'not known yet' };
  return {
    direction: 'inbound',
    port,
    server: objectName(policy.labels),
    // The control plane has not spoken of it: what the workload was injected with holds.
    default: isDefault || undefined,
    protocol: policy.protocol,
    authorizations: policy.authorizations.map(describeAuthorization),
    routes: routesOf(policy),
  };
}

const routesOf = ({ routes }: ServerPolicy): unknown => routes && entriesOf(routes, describeRoute);

const describeRoute = ({ labels, authorizations, filters, tokens, traceSampleRate }: RoutePolicy): unknown => ({
  route: objectName(labels),
  authorizations: authorizations.map(describeAuthorization),
  filters: filters !== undefined || undefined,
  tokens: tokens !== undefined || undefined,
  traceSampleRate,
});

function describeAuthorization({ labels, networks, authentication, audit }: Authorization): unknown {
  const whom =
    authentication.kind === 'identities'
      ? [...authentication.names, ...authentication.suffixes.map((suffix) => `*${suffix}`)].slice(0, 100)
      : authentication.kind;
  return {
    name: objectName(labels),
    whom,
    networks: networks.map(({ network, except }) => ({
      network: String(network),
      except: except.length === 0 ? undefined : except.map(String),
    })),
    audit: audit || undefined,
  };
}

function describeTarget({ name, policy }: Target): unknown {
  return {
    direction: 'outbound',
    target: formatHostPort(name.host, name.port),
    parent: objectName(policy.labels),
    protocol: policy.protocol,
    rules: rulesOf(policy),
  };
}

/** By the version of HTTP that a request comes in. */
const rulesOf = ({ http1, http2 }: OutboundPolicy): unknown => ({
  http1: http1 && entriesOf(http1, describeRule),
  http2: http2 && entriesOf(http2, describeRule),
});

function describeRule(rule: OutboundRule): unknown {
  const { labels, filters, mirrors, distribution, timeouts, retry, traceSampleRate } = rule;
  return {
    route: objectName(labels),
    filters: filters !== undefined || undefined,
    mirrors: mirrors.length === 0 ? undefined : mirrors.map((mirror) => objectName(mirror.labels)),
    backends: {
      choose: distribution.kind,
      minReady: distribution.kind === 'first' && distribution.backends.length > 1 ? distribution.minReady : undefined,
      among: distribution.backends.map(describeBackend),
    },
    timeouts,
    retries: retry && {
      most: retry.maxRetries,
      statuses: retry.statuses,
      grpcStatuses: [...retry.grpcStatuses],
      tryTimeoutMs: retry.tryTimeoutMs,
    },
    traceSampleRate,
  };
}

const describeBackend = ({ labels, destination, weight, balancing, filters }: RuleBackend): unknown => ({
  backend: objectName(labels),
  to: destination === undefined ? 'nowhere: there is no such thing' : destinationOf(destination),
  weight,
  breaker: balancing?.breaker,
  filters: filters !== undefined || undefined,
});

const destinationOf = (destination: NonNullable<RuleBackend['destination']>): string =>
  destination.kind === 'service' ? destination.path : formatHostPort(destination.address, destination.port);

/** In the order in which they are looked at. */
const entriesOf = <Plan>(table: RouteTable<Plan>, describe: (plan: Plan) => unknown): unknown[] =>
  [...table.entries()].map((entry) => ({ match: describeMatch(entry), ...(describe(entry.plan) as object) }));
