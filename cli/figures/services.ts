import { hasLabels } from '../../lib/contract/labels.ts';
import type { Pod } from '../../lib/kinds/pod.ts';
import type { Service } from '../../lib/kinds/service.ts';
import type { Workload } from './directory.ts';

/** Services with the pods that they select; none of one without a selector, whose endpoints somebody else writes. */
export const selectedBy = (services: readonly Service[], pods: readonly Pod[]): Workload[] =>
  services.map(({ metadata: { namespace = '', name }, spec }) => ({
    ...{ namespace, name },
    pods: pods.filter(
      ({ metadata }) => metadata.namespace === namespace && hasLabels(metadata.labels, spec?.selector ?? {}),
    ),
  }));
