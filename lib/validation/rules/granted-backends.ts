import type { ReferenceGrant } from '../../kinds/reference-grant.ts';
import type { Rule } from '../finding.ts';
import { type Entry, type KnownObject, type ManifestModel, objectsOf } from '../manifest-model.ts';
import { type AnyRoute, routesOf, serviceReferences } from '../route-backends.ts';
import { meshParentsOf } from '../route-parents.ts';

/**
 * Services of a namespace that is neither the route's nor its parent's let routes name them by a ReferenceGrant. Without one
 * the backend is as if it were not there. Of those that are among the manifests the grant is expected there too.
 */
export const grantedBackends: Rule = {
  id: 'ungranted-backend',
  *check<E extends Entry>(model: ManifestModel<E>) {
    const grants = Map.groupBy(objectsOf(model, 'ReferenceGrant'), ({ namespace }) => namespace);
    for (const route of routesOf(model)) {
      const parents = meshParentsOf(route.object.spec.parentRefs ?? [], route.namespace);
      if (parents.length === 0) continue;
      const own = new Set([
        route.namespace,
        ...parents.filter(({ kind }) => kind === 'Service').map(({ namespace }) => namespace),
      ]);
      for (const { path, namespace, name } of serviceReferences(route)) {
        if (own.has(namespace) || path.startsWith('spec.parentRefs')) continue;
        if (model.service(namespace, name) === undefined) continue;
        if ((grants.get(namespace) ?? []).some(({ object }) => permits(object, route, name))) continue;
        yield {
          ...{ severity: 'warning' as const, at: route.entry, field: path },
          message: `is the Service ${name} of ${namespace}, which lets no ${route.object.kind} of ${route.namespace} name it: requests that are to go there fail`,
          fix: `write a ReferenceGrant (${grantText(route)}) in ${namespace}`,
        };
      }
    }
  },
};

const grantText = ({ object, namespace }: KnownObject<Entry, AnyRoute>): string =>
  `from: ${groupOf(object)} ${object.kind} of ${namespace}; to: Services`;

const groupOf = ({ apiVersion }: AnyRoute): string => String(apiVersion).split('/')[0];
const isCore = (group: string): boolean => group === '' || group === 'core';

const permits = (
  { spec }: ReferenceGrant,
  { object, namespace }: KnownObject<Entry, AnyRoute>,
  name: string,
): boolean =>
  spec.from.some(
    (from) => from.namespace === namespace && from.kind === object.kind && from.group === groupOf(object),
  ) && spec.to.some((to) => isCore(to.group) && to.kind === 'Service' && (!to.name || to.name === name));
