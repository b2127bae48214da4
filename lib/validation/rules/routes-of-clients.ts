import type { Rule } from '../finding.ts';
import { type Entry, type ManifestModel, namespaceOf } from '../manifest-model.ts';
import { routesOf, serviceReferences } from '../route-backends.ts';

/**
 * A route in another namespace than the Service that it is of holds for clients in its own alone. Where the Service is among
 * the manifests, and no workload of the route's namespace is, it was hardly meant for those.
 */
export const routesOfClients: Rule = {
  id: 'route-without-clients',
  *check<E extends Entry>(model: ManifestModel<E>) {
    const inhabited = new Set(model.pods.map(({ given }) => namespaceOf(given)));
    for (const route of routesOf(model)) {
      if (inhabited.has(route.namespace)) continue;
      for (const { path, namespace, name } of serviceReferences(route)) {
        if (!path.startsWith('spec.parentRefs') || namespace === route.namespace) continue;
        if (model.service(namespace, name) === undefined) continue;
        yield {
          ...{ severity: 'warning' as const, at: route.entry, field: path },
          message: `is the Service ${name} of ${namespace}, so that the route holds for clients in ${route.namespace} alone, where the manifests have no workload`,
          fix: `make the route in ${namespace}, where it holds for all clients; if it is for workloads that are made elsewhere, nothing`,
        };
      }
    }
  },
};
