import { ApiObject } from 'cdk8s';
import type { IConstruct } from 'constructs';
import { templateAt, templatePath } from '../inject/workload.ts';
import { kinds } from '../kinds/index.ts';
import { installationOf } from '../mesh/installation.ts';
import { type GuardedWorkload, guardedWorkload } from '../validation/guarded-workload.ts';
import { AppView } from './app-view.ts';
import { deriveObject } from './derived-object.ts';
import { type PlannedObject, type PolicyWishes, planPolicy } from './policy-plan.ts';

/** What has been said of one workload to its facet, as it is when it is asked for. */
export interface Facet {
  readonly object: ApiObject;
  readonly wishes: PolicyWishes;
  /** How requests are tried: annotations of the Services that lead to the workload. */
  readonly traffic: ReadonlyMap<string, string>;
  /** Whether the account that its pods run as is made for it, for it was named as a caller. */
  readonly hasOwnAccount: boolean;
  /** Name of the account that it is known by. */
  readonly serviceAccount: string;
}

const facets = new WeakMap<IConstruct, Set<Facet>>();
/** The specification of each derived object, as it is in the synth under way. */
const specs = new WeakMap<ApiObject, unknown>();

/** Has the objects made, at each synth, that a facet's words ask for. */
export function rememberFacet(facet: Facet): void {
  const { root } = facet.object.node;
  const known = facets.get(root) ?? new Set();
  facets.set(root, known.add(facet));
}

/** The workloads of which something has been said, as they are rendered. */
export interface FacetWorkload {
  readonly facet: Facet;
  readonly workload: GuardedWorkload;
}

/**
 * Makes the objects of policy that were asked for, beneath their workloads, once it is known which ports these have. Those
 * of an earlier synth change with what they are made from. Fails the synth for words that cannot hold.
 */
export function addWorkloadPolicies(root: IConstruct): {
  readonly workloads: readonly FacetWorkload[];
  /** What was seen of the app before; undefined where nothing has been said of any workload. */
  readonly view?: AppView;
} {
  const known = facets.get(root);
  if (known === undefined) return { workloads: [] };
  const config = installationOf(root);
  const view = AppView.renew(root);
  const { namespaces } = view;
  const failures: string[] = [];
  const workloads = [...known].map((facet) => {
    const { object } = facet;
    // What cannot be rendered says why.
    const manifest = view.renderings(object)[0]?.manifest ?? object.toJson();
    const path = templatePath(manifest);
    const template = (path && templateAt(manifest, path)) ?? {};
    const workload = guardedWorkload(manifest, template, config, namespaces);
    const { objects, problems } = planned(facet, workload, config);
    failures.push(...problems.map((problem) => `  [${object.node.path}] ${problem}`));
    settle(object, manifest.metadata?.namespace, objects);
    return { facet, workload };
  });
  failOn(failures);
  return { workloads, view };
}

/** Fails the synth with what is wrong, a line for each. */
export function failOn(lines: readonly string[], what = 'What is said of workloads cannot hold'): void {
  if (lines.length > 0) throw new Error(`${what}:\n${lines.join('\n')}`);
}

/** Whether an object was made for what is said of a workload. */
export const isDerived = (object: ApiObject): boolean => specs.has(object);

type Planned = Pick<PlannedObject, 'name'> &
  (PlannedObject | { readonly kind: 'ServiceAccount'; readonly spec?: undefined });

function planned(
  facet: Facet,
  workload: GuardedWorkload,
  config: ReturnType<typeof installationOf>,
): { readonly objects: readonly Planned[]; readonly problems: readonly string[] } {
  const { wishes, hasOwnAccount, serviceAccount } = facet;
  const objects: Planned[] = [];
  const problems: string[] = [];
  if (hasOwnAccount) {
    if (workload.serviceAccount !== serviceAccount) {
      problems.push(
        `is named as a caller, and runs as the account '${workload.serviceAccount}', which others run as too: give it a ServiceAccount of its own`,
      );
    }
    // A label of DNS: identities are names of certificates.
    if (serviceAccount.length > 63 || serviceAccount.includes('.')) {
      problems.push(
        `is named as a caller, and its name '${serviceAccount}' cannot be that of its identity, which takes 63 characters and no dot: name it otherwise, or give it a ServiceAccount`,
      );
    }
    objects.push({ kind: 'ServiceAccount', name: serviceAccount });
  }
  if (wishes.callers.length + wishes.unmeshed.size + wishes.demands.length > 0) {
    const plan = planPolicy(wishes, workload, config);
    objects.push(...plan.objects);
    problems.push(...plan.problems);
  }
  return { objects, problems };
}

/** Makes what is wanted beneath a workload's object, and takes away what no longer is. */
function settle(owner: ApiObject, namespace: string | undefined, wanted: readonly Planned[]): void {
  const former = new Set(
    owner.node.children.filter((child): child is ApiObject => ApiObject.isApiObject(child) && specs.has(child)),
  );
  for (const { kind, name, spec } of wanted) {
    const id = `mesh-${kind.toLowerCase()}-${name}`;
    const object = (owner.node.tryFindChild(id) as ApiObject | undefined) ?? make(owner, id, kind, { name, namespace });
    specs.set(object, spec);
    former.delete(object);
  }
  for (const { node } of former) owner.node.tryRemoveChild(node.id);
}

function make(
  owner: ApiObject,
  id: string,
  kind: Planned['kind'],
  metadata: ApiObject['metadata'] | object,
): ApiObject {
  const about =
    kind === 'ServiceAccount'
      ? { apiVersion: 'v1', fields: { automountServiceAccountToken: false } }
      : { apiVersion: `${kinds[kind].group}/${kinds[kind].versions[0].name}` };
  return deriveObject(owner, id, { ...about, kind, metadata: metadata as object }, (object) => specs.get(object));
}
