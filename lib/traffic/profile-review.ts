import type { ApiObject } from 'cdk8s';
import type { IConstruct } from 'constructs';
import { installationOf } from '../mesh/installation.ts';
import { AppView, isKind } from '../workload/app-view.ts';
import type { MeshService } from './mesh-service.ts';
import { textOf } from './route-entry.ts';
import { type RoutesOfApp, review } from './route-review.ts';

/**
 * Has a profile looked at whenever its app is synthesized: whether its Services are there, whether it is the only one of its
 * Service, and whether it keeps routes from holding. `saidDomain`: of the cluster, where the construct says it.
 */
export function reviewProfile(
  construct: IConstruct,
  object: ApiObject,
  service: MeshService,
  destinations: readonly MeshService[],
  domain: string,
  saidDomain: string | undefined,
): void {
  review(construct, (routes) => {
    const namespace = object.metadata.namespace ?? 'default';
    return [
      ...[service, ...destinations].flatMap((each) => routes.problemsOfService(each, namespace)),
      ...rivalProblems(object, namespace),
      ...routeProblems(routes, service, namespace),
      ...domainProblems(construct, domain, saidDomain),
    ];
  });
}

function rivalProblems(object: ApiObject, namespace: string): string[] {
  const rival = AppView.of(object.node.root).objects.find(
    (other) =>
      other !== object &&
      isKind(other, 'linkerd.io', 'ServiceProfile') &&
      other.name === object.name &&
      (other.metadata.namespace ?? 'default') === namespace,
  );
  return rival === undefined
    ? []
    : [`${rival.node.path} is a ServiceProfile of the same Service in the same namespace: write one`];
}

/** A profile stands before routes, whatever they say. */
function routeProblems(routes: RoutesOfApp, service: MeshService, namespace: string): string[] {
  const own = service._namespaceFor(namespace);
  const kept = routes
    .ofService(`${own}/${service.name}`)
    .find((route) => namespace === own || route.namespace === namespace);
  return kept === undefined
    ? []
    : [
        `${textOf(kept)} is of the same Service, and never holds: a ServiceProfile stands before it. Leave one of them out`,
      ];
}

/** The mesh may be made after the profile was named. */
function domainProblems(construct: IConstruct, domain: string, said: string | undefined): string[] {
  const { clusterDomain } = installationOf(construct);
  return said !== undefined || clusterDomain === domain
    ? []
    : [
        `the profile is named for the cluster domain ${domain}, and the mesh has ${clusterDomain}: make the Mesh before it, or give 'clusterDomain'`,
      ];
}
