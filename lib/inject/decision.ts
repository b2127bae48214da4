import { injectAnnotation, linkerdInjectAnnotation } from '../contract/annotations.ts';
import { foreignSidecars } from '../contract/names.ts';
import type { InjectConfig } from './config.ts';
import { isRecord, type Metadata, type PodSpec, type PodTemplate } from './kubernetes.ts';

/** `ingress` routes by the Host header for ingress controllers; `explicit` does without interception. */
export type InjectMode = 'enabled' | 'ingress' | 'explicit';

export type InjectDecision =
  | { readonly inject: true; readonly mode: InjectMode }
  | { readonly inject: false; readonly reasons: readonly string[] };

/** What the annotation about injection can say. */
export const injectWords: readonly string[] = ['enabled', 'ingress', 'explicit', 'disabled'];

/**
 * Whether a pod gets a sidecar (linkerd2 pkg/inject/report.go and webhook.go). The workload's word wins over that of
 * its namespace; a word that nobody knows injects nothing, for the intention is unknown.
 */
export function decide(pod: PodTemplate, namespace: Metadata | undefined, config: InjectConfig): InjectDecision {
  const atPod = trigger(pod.metadata, config);
  const atNamespace = trigger(namespace, config);
  const reasons: string[] = [];

  reasons.push(...unfitReasons(pod));

  const invalidAtPod = invalidValue(pod.metadata, 'workload', config);
  const invalidAtNamespace = invalidValue(namespace, 'namespace', config);
  if (invalidAtPod !== undefined) {
    reasons.push(invalidAtPod);
  } else if (atPod?.value === 'disabled') {
    reasons.push(`pod has the annotation "${atPod.key}:disabled"`);
  } else if (!atPod && invalidAtNamespace !== undefined) {
    reasons.push(invalidAtNamespace);
  } else if (!atPod && (!atNamespace || atNamespace.value === 'disabled')) {
    reasons.push(`neither the namespace nor the pod have the annotation "${injectAnnotation}:enabled"`);
  }

  if (reasons.length > 0) return { inject: false, reasons };
  const mode = (atPod ?? atNamespace)?.value as InjectMode;
  return { inject: true, mode: mode === 'enabled' && config.interception === 'explicit' ? 'explicit' : mode };
}

/** What is wrong with a word about injection that nobody knows; undefined when it is known, or there is none. */
export function invalidValue(
  metadata: Metadata | undefined,
  level: 'workload' | 'namespace',
  config: InjectConfig,
): string | undefined {
  const found = unknownWord(metadata, config);
  return found && `invalid value for annotation "${found.key}" at ${level}`;
}

/** The annotation about injection whose value nobody knows. */
export function unknownWord(
  metadata: Metadata | undefined,
  config: InjectConfig,
): { readonly key: string; readonly value: string } | undefined {
  const found = trigger(metadata, config);
  return found === undefined || injectWords.includes(found.value) ? undefined : found;
}

/** Why a pod can have no sidecar, whatever it asks for. */
function unfitReasons({ spec, ...pod }: PodTemplate): string[] {
  return [
    ...(spec?.hostNetwork === true ? ['hostNetwork is enabled'] : []),
    ...(hasSidecar({ ...pod, spec }) ? ['pod has a sidecar injected already'] : []),
    ...(isForWindows(spec) ? ['the pod runs on Windows, where there is no sidecar'] : []),
  ];
}

/** The second is deprecated; nodes have it all the same, and published charts select by it. */
const systemLabels: readonly string[] = ['kubernetes.io/os', 'beta.kubernetes.io/os'];

function isForWindows(spec: PodSpec | undefined): boolean {
  if (spec?.os?.name !== undefined) return spec.os.name === 'windows';
  return systemLabels.some((label) => spec?.nodeSelector?.[label] === 'windows') || hasAffinityToWindows(spec);
}

/** Whether each of the terms of which one must hold asks for nodes of Windows. */
function hasAffinityToWindows(spec: PodSpec | undefined): boolean {
  let place: unknown = spec?.affinity;
  for (const field of ['nodeAffinity', 'requiredDuringSchedulingIgnoredDuringExecution', 'nodeSelectorTerms'])
    place = isRecord(place) ? place[field] : undefined;
  const terms = listOf(place);
  const asksForWindows = ({ key, operator, values }: Record<string, unknown>): boolean =>
    systemLabels.includes(String(key)) && operator === 'In' && String(values) === 'windows';
  return terms.length > 0 && terms.every(({ matchExpressions }) => listOf(matchExpressions).some(asksForWindows));
}

const listOf = (value: unknown): Record<string, unknown>[] => (Array.isArray(value) ? value.filter(isRecord) : []);

/** The first of these reasons; undefined when it can have one. */
export const unfit = (pod: PodTemplate): string | undefined => unfitReasons(pod)[0];

export function hasSidecar(pod: PodTemplate): boolean {
  return [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])].some(({ name }) =>
    foreignSidecars.has(name),
  );
}

function trigger(
  metadata: Metadata | undefined,
  config: InjectConfig,
): { readonly key: string; readonly value: string } | undefined {
  const keys = config.compat === 'linkerd' ? [injectAnnotation, linkerdInjectAnnotation] : [injectAnnotation];
  for (const key of keys) {
    const value = metadata?.annotations?.[key];
    if (value !== undefined) return { key, value: String(value) };
  }
  return undefined;
}
