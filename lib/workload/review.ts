import type { IConstruct } from 'constructs';
import { AppView } from './app-view.ts';
import { addCompanionPolicies } from './companion-policies.ts';
import { reviewDataPlane } from './data-plane-review.ts';
import { failOnDerivedTwice } from './derived-names.ts';
import { reviewManifests } from './manifest-review.ts';
import { warnOfResources } from './resource-warnings.ts';
import { rememberTraffic, warnOfUntold } from './service-traffic.ts';
import { servicesFollow } from './services.ts';
import { followRounds, isDueInRound } from './synth-round.ts';
import { addWorkloadPolicies } from './workload-policies.ts';

/** What is looked at in an app: all that workloads need, or the manifests alone. */
const reviewed = new WeakMap<IConstruct, 'manifests' | 'workloads'>();
const round = Symbol('review of an app');

/**
 * Has the whole app of a construct looked at whenever it is synthesized: what stands beside workloads is known only once the
 * app stands, which is when validations run.
 */
export const reviewApp = (construct: IConstruct): void => reviewWith(construct.node.root, 'workloads');

/** Has the manifests of an app looked at whenever it is synthesized, before the validations of the constructs beneath it. */
export const reviewObjects = (construct: IConstruct): void => reviewWith(construct.node.root, 'manifests');

function reviewWith(root: IConstruct, what: 'manifests' | 'workloads'): void {
  const known = reviewed.get(root);
  if (known !== 'workloads') reviewed.set(root, what);
  if (known !== undefined) return;
  followRounds(root);
  root.node.addValidation({
    validate: () => {
      if (!isDueInRound(root, round)) return [];
      const hasWorkloads = reviewed.get(root) === 'workloads';
      const view = hasWorkloads ? reviewWorkloads(root) : AppView.renew(root);
      reviewManifests(root);
      if (hasWorkloads) reviewDataPlane(root, view);
      return [];
    },
  });
}

function reviewWorkloads(root: IConstruct): AppView {
  // Companions of NetworkPolicies are made from the Servers that this makes.
  const { workloads, view: former } = addWorkloadPolicies(root);
  rememberTraffic(root, workloads);
  const view = AppView.renew(root, former);
  servicesFollow(root);
  addCompanionPolicies(root);
  warnOfResources(root);
  warnOfUntold(root, view);
  failOnDerivedTwice(view);
  return view;
}
