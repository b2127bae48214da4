import type { ApiObject } from 'cdk8s';
import type { IConstruct } from 'constructs';
import { ownerLabelPrefix, selects } from '../contract/labels.ts';
import { isRecord, type Manifest } from '../inject/kubernetes.ts';
import { manifestName } from '../inject/workload.ts';
import { installationOf } from '../mesh/installation.ts';
import { companionRules, type Surroundings } from '../network/companion-policy.ts';
import { readNetworkPolicy } from '../network/network-policy.ts';
import { type NetworkedPod, networkedPod } from '../network/networked-pod.ts';
import { namespaceOf } from '../validation/manifest-model.ts';
import { AppView, type PodObject, type RenderedObject } from './app-view.ts';
import { deriveObject } from './derived-object.ts';
import { warn } from './warnings.ts';

const networkPolicy = { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy' };

/** Whether a meshed object wants companions: its own word, and that of a mixin, which holds where there is no other. */
const wishes = new WeakMap<ApiObject, { readonly workload?: boolean; readonly mixin?: boolean }>();
/** The specification of each companion, as it is in the synth under way. */
const specs = new WeakMap<ApiObject, Record<string, unknown>>();

/** Remembers whether an object's pods are to get companions. Whoever is not remembered gets none. */
export function wishForCompanion(object: ApiObject, speaker: 'workload' | 'mixin', wish: boolean | undefined): void {
  wishes.set(object, { ...wishes.get(object), ...(wish === undefined ? {} : { [speaker]: wish }) });
}

function isWished(object: ApiObject): boolean {
  const wish = wishes.get(object);
  return wish !== undefined && (wish.workload ?? wish.mixin ?? true);
}

/**
 * Gives each meshed workload that a NetworkPolicy of the app selects a policy of its own, which lets its sidecar work: see
 * `companionRules`. It is a child of the workload's object; those of an earlier synth change with what they are made from.
 */
export function addCompanionPolicies(root: IConstruct): void {
  const view = AppView.of(root);
  const former = view.objects.filter((object) => specs.has(object));
  const given = view.ofKind('networking.k8s.io', 'NetworkPolicy').filter(({ construct }) => !specs.has(construct));
  if (given.length === 0 && former.length === 0) return;
  const current = new Set(given.length === 0 ? [] : companionsOf(view, root, given));
  for (const object of former) {
    if (!current.has(object)) object.node.scope?.node.tryRemoveChild(object.node.id);
  }
}

function companionsOf(view: AppView, root: IConstruct, policies: readonly RenderedObject[]): ApiObject[] {
  const config = installationOf(root);
  const servers = view.ofKind('policy.linkerd.io', 'Server').map(({ manifest }) => manifest);
  const workloads = view.pods.map((object) => ({
    ...object,
    networked: networkedPod(object.manifest, object.pod, { config, servers, namespaces: view.namespaces }),
  }));
  const around: Surroundings = {
    config,
    policies: policies.flatMap(({ manifest }) => readNetworkPolicy(manifest) ?? []),
    pods: workloads.map(({ networked }) => networked),
    namespaces: new Map([...view.namespaces].map(([name, { labels = {} }]) => [name, labels])),
  };
  return workloads
    .filter(({ construct, isMeshed }) => isMeshed && isWished(construct))
    .flatMap((workload) => {
      const rules = companionRules(workload.networked, around);
      return rules === undefined ? [] : companion(workload, rules, around.pods);
    });
}

function companion(
  workload: PodObject & { readonly networked: NetworkedPod },
  rules: Record<string, unknown>,
  pods: readonly NetworkedPod[],
): ApiObject[] {
  const { construct, manifest } = workload;
  const podSelector = selectorOf(manifest, workload.networked, pods);
  if (podSelector === undefined) {
    const message = `NetworkPolicies select the pods of ${manifestName(manifest)}, and shut its sidecar out, which has no label to be let in by: give them one`;
    warn(construct, 'TULLE_SIDECAR_SHUT_OUT', message);
    return [];
  }
  const isOnlyOne = construct.kind === manifest.kind;
  // An item of a List is in the namespace that it names, not in that of the chart.
  const namespace = isOnlyOne ? manifest.metadata?.namespace : namespaceOf(manifest);
  const id = ['mesh-network-policy', ...(isOnlyOne ? [] : [namespace, ...manifestName(manifest).split('/')])].join('-');
  const existing = construct.node.tryFindChild(id) as ApiObject | undefined;
  const object =
    existing ?? deriveObject(construct, id, { ...networkPolicy, metadata: { namespace } }, (made) => specs.get(made));
  specs.set(object, { podSelector, ...rules });
  return [object];
}

/**
 * Selects the pods of one object: as it does so itself, else by their labels. Where that would select those of others too, or
 * there are none, the owner's label narrows it, which the sidecar's injection writes; it is not relied on otherwise, since
 * the webhook may fail to learn the owner.
 */
function selectorOf(
  { spec }: Manifest,
  pod: NetworkedPod,
  pods: readonly NetworkedPod[],
): Record<string, unknown> | undefined {
  const entries = Object.entries(pod.labels);
  const owner = Object.fromEntries(entries.filter(([key]) => key.startsWith(ownerLabelPrefix)));
  const own = Object.fromEntries(entries.filter(([key]) => !key.startsWith('linkerd.io/')));
  const given = isRecord(spec?.selector) && isSelecting(spec.selector) ? spec.selector : { matchLabels: own };
  const isEnough =
    isSelecting(given) &&
    !pods.some((other) => other !== pod && other.namespace === pod.namespace && selects(given, other.labels));
  if (isEnough) return given;
  const narrowed = { ...given, matchLabels: { ...(given.matchLabels as object), ...owner } };
  return isSelecting(narrowed) ? narrowed : undefined;
}

const isSelecting = ({ matchLabels, matchExpressions }: Record<string, unknown>): boolean =>
  (isRecord(matchLabels) && Object.keys(matchLabels).length > 0) ||
  (Array.isArray(matchExpressions) && matchExpressions.length > 0);
