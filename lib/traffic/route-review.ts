import type { ApiObject } from 'cdk8s';
import type { IConstruct } from 'constructs';
import { namespaceOf } from '../validation/manifest-model.ts';
import { AppView } from '../workload/app-view.ts';
import { errorsOf, speakFor } from '../workload/manifest-review.ts';
import { reviewObjects } from '../workload/review.ts';
import type { MeshService } from './mesh-service.ts';
import { isMadeByWorkload, rivalsOf } from './service-of.ts';

/**
 * Has a route looked at in its app whenever that is synthesized: by the rules for manifests, and whether its Services are
 * those that were meant.
 */
export function reviewRoute(
  construct: IConstruct,
  object: ApiObject,
  parent: MeshService | undefined,
  backends: readonly MeshService[],
): void {
  const services = [...(parent === undefined ? [] : [parent]), ...backends];
  speakFor(object, construct);
  // Validations run from the root down.
  reviewObjects(construct);
  construct.node.addValidation({
    validate: () => {
      const namespace = namespaceOf(object.toJson());
      const view = AppView.of(construct.node.root);
      return [
        ...new Set(services.flatMap((service) => serviceProblems(service, namespace, view))),
        ...errorsOf(object),
      ];
    },
  });
}

/** What keeps a Service from being the one that was meant. `own`: the namespace of who names it. */
export function serviceProblems(service: MeshService, own: string, view: AppView): string[] {
  const key = `${service._namespaceFor(own)}/${service.name}`;
  const { _object: object, _implicit: workload } = service;
  if (object === undefined) return [];
  if (!view.has(object)) {
    return [
      `the Service ${key} must be of this app: name it by MeshService.of('${service.name}', ...) where another makes it`,
    ];
  }
  if (workload === undefined) return [];
  const beside = view.objectsOf('v1', 'Service').filter((each) => !isMadeByWorkload(each));
  const others = rivalsOf(workload, object, beside);
  if (others.length === 0) return [];
  const names = others.map(({ node }) => node.path).join(', ');
  return [
    `${workload.node.path} was given a Service of its own, since it had none, and ${names} leads to it, too: make that before the route`,
  ];
}
