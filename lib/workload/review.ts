import type { IConstruct } from 'constructs';
import { AppView } from './app-view.ts';
import { addCompanionPolicies } from './companion-policies.ts';
import { reviewDataPlane } from './data-plane-review.ts';
import { reviewPolicies } from './policy-review.ts';
import { warnOfResources } from './resource-warnings.ts';
import { rememberTraffic, warnOfUntold } from './service-traffic.ts';
import { servicesFollow } from './services.ts';
import { addWorkloadPolicies } from './workload-policies.ts';

const reviewed = new WeakSet<IConstruct>();

/** Whether the app of a workload is looked at, and its view renewed, whenever it is synthesized. */
export const isReviewed = (root: IConstruct): boolean => reviewed.has(root);

/**
 * Has the whole app of a construct looked at whenever it is synthesized: what stands beside workloads is known only once the
 * app stands, which is when validations run. cdk8s runs each once for each chart, so there is one for the app.
 */
export function reviewApp(construct: IConstruct): void {
  const { root } = construct.node;
  if (reviewed.has(root)) return;
  reviewed.add(root);
  root.node.addValidation({
    validate: () => {
      // Companions of NetworkPolicies are made from the Servers that this makes.
      const workloads = addWorkloadPolicies(root);
      rememberTraffic(root, workloads);
      const view = AppView.renew(root);
      servicesFollow(root);
      addCompanionPolicies(root);
      warnOfResources(root);
      warnOfUntold(root, view);
      reviewPolicies(workloads, view);
      reviewDataPlane(root, view);
      return [];
    },
  });
}
