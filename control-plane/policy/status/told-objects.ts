import type { KubernetesObject } from '../../../lib/kinds/kubernetes-object.ts';
import type { Kind } from '../../sources/kinds.ts';
import type { PolicyIndex } from '../index/policy-index.ts';
import { authenticationStatus } from './authentication-status.ts';
import { egressStatus } from './egress-status.ts';
import { externalAuthorizationStatus } from './external-authorization-status.ts';
import { faultStatus } from './fault-status.ts';
import { rateLimitStatus } from './rate-limit-status.ts';
import { routeStatus } from './route-status.ts';

/** An object that is told in its status what became of it. */
export interface ToldObject {
  readonly kind: Kind;
  readonly object: KubernetesObject;
  /** The fields of the status as they are to be; undefined when they are. */
  readonly status: (now: Date) => object | undefined;
}

/** All of them, of each kind that is told (`writesStatus` in lib/kinds). */
export function toldObjects(index: PolicyIndex, clusterNetworks: readonly string[]): ToldObject[] {
  const routes = [...index.routes.all()].map(
    (route): ToldObject => ({
      kind: route.source,
      object: route.object,
      status: (now) => {
        const parents = routeStatus(route, index, now);
        return parents && { parents };
      },
    }),
  );
  const rateLimits = [...index.rateLimits.all()].map(
    (object): ToldObject => ({
      kind: 'HTTPLocalRateLimitPolicy',
      object,
      status: (now) => rateLimitStatus(object, index, now),
    }),
  );
  const authentications = [...index.authentications.all()].map(
    (object): ToldObject => ({
      kind: 'RequestAuthentication',
      object,
      status: (now) => authenticationStatus(object, index, now),
    }),
  );
  const faults = [...index.faults.all()].map(
    (fault): ToldObject => ({ kind: 'FaultInjection', object: fault.object, status: (now) => faultStatus(fault, now) }),
  );
  const authorizers = [...index.authorizers.all()].map(
    (object): ToldObject => ({
      kind: 'ExternalAuthorization',
      object,
      status: (now) => externalAuthorizationStatus(object, index, now),
    }),
  );
  const networks = [...index.egress.all()].map(
    (network): ToldObject => ({
      kind: 'EgressNetwork',
      object: network.object,
      status: (now) => {
        const conditions = egressStatus(network, clusterNetworks, now);
        return conditions && { conditions };
      },
    }),
  );
  return [...routes, ...rateLimits, ...authentications, ...authorizers, ...faults, ...networks];
}
