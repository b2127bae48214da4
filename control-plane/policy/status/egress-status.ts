import type { RouteCondition } from '../../../lib/kinds/route-object.ts';
import { clusterOverlap } from '../cluster-overlap.ts';
import type { IndexedEgressNetwork } from '../index/egress-index.ts';
import { validateObject } from '../validator/index.ts';
import { timestamp } from './route-status.ts';

/** Bound of what a condition tells, in characters. */
const longestMessage = 1024;

/**
 * The `status.conditions` that an EgressNetwork is to have, or undefined when it has them already. One that is not
 * accepted holds all the same, as far as it can be read and outside of the cluster: nothing opens because of a mistake in
 * what was to shut it. The reason of networks that reach into the cluster is Linkerd's (linkerd2
 * policy-controller/k8s/status/src/index.rs).
 */
export function egressStatus(
  { object }: IndexedEgressNetwork,
  clusterNetworks: readonly string[],
  now: Date,
): RouteCondition[] | undefined {
  const written = object.status?.conditions ?? [];
  const wanted = acceptedCondition(object, clusterNetworks);
  const known = written.find(({ type }) => type === wanted.type);
  if (
    known !== undefined &&
    known.status === wanted.status &&
    known.reason === wanted.reason &&
    (known.message ?? '') === wanted.message
  ) {
    return undefined;
  }
  const others = written.filter(({ type }) => type !== wanted.type);
  // Only a status that turns over is another transition.
  const lastTransitionTime =
    known !== undefined && known.status === wanted.status ? known.lastTransitionTime : timestamp(now);
  return [...others, { ...wanted, lastTransitionTime }];
}

function acceptedCondition(
  object: IndexedEgressNetwork['object'],
  clusterNetworks: readonly string[],
): RouteCondition & { readonly message: string } {
  const refused = (reason: string, message: string) => ({
    type: 'Accepted',
    status: 'False',
    reason,
    message: message.slice(0, longestMessage),
  });
  const problems = validateObject(object);
  if (problems.length > 0) return refused('Invalid', problems.join('; '));
  for (const [index, network] of (object.spec.networks ?? []).entries()) {
    const own = clusterOverlap(network, clusterNetworks);
    if (own === undefined) continue;
    const what = `spec.networks[${index}].cidr (${network.cidr}) reaches into the cluster`;
    return refused('EgressReasonNetworkOverlap', `${what}, where it does not hold: add ${own} to its except`);
  }
  return { type: 'Accepted', status: 'True', reason: 'Accepted', message: '' };
}
