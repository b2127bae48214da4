import type { KubernetesObject } from '../../../lib/kinds/kubernetes-object.ts';
import type { Kind } from '../../sources/kinds.ts';
import type { PolicyIndex } from '../index/policy-index.ts';
import { routeStatus } from './route-status.ts';

/** An object that is told in its status what became of it. */
export interface ToldObject {
  readonly kind: Kind;
  readonly object: KubernetesObject;
  /** The fields of the status as they are to be; undefined when they are. */
  readonly status: (now: Date) => object | undefined;
}

/** All of them, of each kind that is told (`writesStatus` in lib/kinds). */
export function toldObjects(index: PolicyIndex): ToldObject[] {
  return [...index.routes.all()].map((route) => ({
    kind: route.source,
    object: route.object,
    status: (now) => {
      const parents = routeStatus(route, index, now);
      return parents && { parents };
    },
  }));
}
