import type { Rule } from '../finding.ts';
import { type Entry, type ManifestModel, nameOf, objectsOf } from '../manifest-model.ts';
import { routesOf, serviceReferences } from '../route-backends.ts';

/** A ServiceProfile stands before routes of its Service, whatever they say: those of its namespace, or of all where it is the Service's. */
export const profilesBeforeRoutes: Rule = {
  id: 'profile-before-route',
  *check<E extends Entry>(model: ManifestModel<E>) {
    const profiles = objectsOf(model, 'ServiceProfile').map((known) => ({ ...known, service: serviceOf(known.name) }));
    if (profiles.length === 0) return;
    const routes = routesOf(model)
      .filter(({ object: { kind } }) => kind === 'HTTPRoute' || kind === 'GRPCRoute')
      .map((route) => {
        const parents = serviceReferences(route).filter(({ path }) => path.startsWith('spec.parentRefs'));
        return { ...route, parents: parents.map(({ namespace, name }) => `${namespace}/${name}`) };
      });
    for (const { entry: at, namespace, service } of profiles) {
      if (service === undefined) continue;
      const kept = routes
        .filter(({ parents }) => parents.includes(service))
        .find((route) => service.startsWith(`${namespace}/`) || route.namespace === namespace);
      if (kept === undefined) continue;
      yield {
        ...{ severity: 'error' as const, at, field: '' },
        message: `is of the same Service as ${nameOf(kept.entry.manifest)}, which never holds: a ServiceProfile stands before it`,
        fix: 'leave one of them out',
      };
    }
  },
};

/** `shop/orders`, of `orders.shop.svc.cluster.local`; undefined for what is no Service of a cluster. */
function serviceOf(profile: string): string | undefined {
  const [, name, namespace] = /^([^.]+)\.([^.]+)\.svc\./.exec(profile) ?? [];
  return name === undefined ? undefined : `${namespace}/${name}`;
}
