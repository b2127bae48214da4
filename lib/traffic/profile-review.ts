import type { ApiObject } from 'cdk8s';
import type { IConstruct } from 'constructs';
import { installationOf } from '../mesh/installation.ts';
import { AppView } from '../workload/app-view.ts';
import { errorsOf, speakFor } from '../workload/manifest-review.ts';
import { reviewObjects } from '../workload/review.ts';
import type { MeshService } from './mesh-service.ts';
import { serviceProblems } from './route-review.ts';

/**
 * Has a profile looked at whenever its app is synthesized: by the rules for manifests, whether its Services are those that
 * were meant, and whether it is the only one of its Service. `saidDomain`: of the cluster, where the construct says it.
 */
export function reviewProfile(
  construct: IConstruct,
  object: ApiObject,
  service: MeshService,
  destinations: readonly MeshService[],
  domain: string,
  saidDomain: string | undefined,
): void {
  speakFor(object, construct);
  reviewObjects(construct);
  construct.node.addValidation({
    validate: () => {
      const namespace = object.metadata.namespace ?? 'default';
      const view = AppView.of(construct.node.root);
      return [
        ...[service, ...destinations].flatMap((each) => serviceProblems(each, namespace, view)),
        ...rivalProblems(object, namespace, view),
        ...errorsOf(object),
        ...domainProblems(construct, domain, saidDomain),
      ];
    },
  });
}

function rivalProblems(object: ApiObject, namespace: string, view: AppView): string[] {
  const rival = view
    .objectsOf('linkerd.io', 'ServiceProfile')
    .find(
      (other) =>
        other !== object && other.name === object.name && (other.metadata.namespace ?? 'default') === namespace,
    );
  return rival === undefined
    ? []
    : [`${rival.node.path} is a ServiceProfile of the same Service in the same namespace: write one`];
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
