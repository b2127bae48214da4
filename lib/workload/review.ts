import type { ApiObject } from 'cdk8s';
import type { IConstruct } from 'constructs';
import { AppView } from './app-view.ts';
import { addCompanionPolicies } from './companion-policies.ts';
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
 * Has the whole app of a workload looked at whenever it is synthesized: what stands beside workloads is known only once the
 * app stands, which is when validations run.
 */
export const reviewApp = (workload: ApiObject): void => reviewWith(workload.node.root, 'workloads');

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
      if (reviewed.get(root) === 'workloads') reviewWorkloads(root);
      else AppView.renew(root);
      reviewManifests(root);
      return [];
    },
  });
}

function reviewWorkloads(root: IConstruct): void {
  // Companions of NetworkPolicies are made from the Servers that this makes.
  const { workloads, view: former } = addWorkloadPolicies(root);
  rememberTraffic(root, workloads);
  const view = AppView.renew(root, former);
  servicesFollow(root);
  addCompanionPolicies(root);
  warnOfResources(root);
  warnOfUntold(root, view);
  failOnDerivedTwice(view);
}
