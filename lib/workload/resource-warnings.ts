import type { IConstruct } from 'constructs';
import {
  type ContainerDefaults,
  containerDefaults,
  quotaGaps,
  type ResourceGap,
  scales,
  utilizationGaps,
} from '../inject/resource-needs.ts';
import { manifestName } from '../inject/workload.ts';
import { namespaceOf } from '../validation/manifest-model.ts';
import { AppView, type PodObject, type RenderedObject } from './app-view.ts';
import { warn } from './warnings.ts';

type Gaps = (asking: RenderedObject, workload: PodObject, defaults: ContainerDefaults) => readonly ResourceGap[];

/**
 * Warns of autoscalers that cannot tell the use of meshed pods, and of quotas that refuse these, for want of what each
 * container is to ask for. With the defaults of the mesh autoscalers are content, and quotas on limits are not.
 */
export function warnOfResources(root: IConstruct): void {
  const view = AppView.of(root);
  const asking = [...view.ofKind('autoscaling', 'HorizontalPodAutoscaler'), ...view.ofKind('v1', 'ResourceQuota')];
  if (asking.length === 0) return;
  const limitRanges = view.ofKind('v1', 'LimitRange');
  const workloads = view.pods.filter(({ isMeshed }) => isMeshed);

  for (const object of asking) {
    const isQuota = object.manifest.kind === 'ResourceQuota';
    const inSameNamespace = <T extends RenderedObject>(others: readonly T[]): T[] =>
      others.filter(({ manifest }) => namespaceOf(manifest) === namespaceOf(object.manifest));
    const defaults = containerDefaults(inSameNamespace(limitRanges).map(({ manifest }) => manifest));
    const gaps = isQuota ? ofQuota : ofAutoscaler;
    const lacking = inSameNamespace(workloads).flatMap((workload) =>
      gaps(object, workload, defaults).map(({ needed, containers }) => ({ needed, containers, workload })),
    );
    for (const needed of new Set(lacking.map((one) => one.needed))) {
      const where = lacking.filter((one) => one.needed === needed).map(place);
      if (isQuota) warn(object.construct, 'TULLE_QUOTA_REFUSES', quotaMessage(needed, where));
      else warn(object.construct, 'TULLE_NO_REQUEST', autoscalerMessage(needed, where));
    }
  }
}

const ofQuota: Gaps = ({ manifest }, { pod }, defaults) => quotaGaps(manifest, pod, defaults);
const ofAutoscaler: Gaps = ({ manifest }, workload, defaults) =>
  scales(manifest, workload.manifest) ? utilizationGaps(manifest, workload.pod, defaults) : [];

const place = ({ containers, workload }: { containers: readonly string[]; workload: PodObject }): string =>
  `${containers.join(', ')} of ${manifestName(workload.manifest)} [${workload.construct.node.path}]`;

const quotaMessage = (needed: string, where: readonly string[]): string =>
  `the quota counts ${needed}, so the API server refuses pods with a container that names none: ${where.join('; ')}. ` +
  `Give them one (those of the mesh by 'proxy.${optionFor(needed)}' of the workload or of the mesh), or give the ` +
  'namespace a LimitRange with defaults';

const autoscalerMessage = (needed: string, where: readonly string[]): string =>
  `the autoscaler aims at a share of ${needed}, and scales nothing while a container has none: ${where.join('; ')}. ` +
  'Give it one, give the namespace a LimitRange with defaults, or have a ContainerResource metric of another container';

/** What sets it on the sidecar and the init container. */
function optionFor(needed: string): string {
  const [kind, resource] = needed.split('.');
  const suffix = kind === 'limits' ? 'Limit' : 'Request';
  return resource === 'cpu' ? `cpu${suffix}Millis` : `memory${suffix}`;
}
