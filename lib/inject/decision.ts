import { injectAnnotation, linkerdInjectAnnotation } from '../contract/annotations.ts';
import { foreignSidecars } from '../contract/names.ts';
import type { InjectConfig } from './config.ts';
import type { Metadata, PodTemplate } from './kubernetes.ts';

/** `ingress` routes by the Host header for ingress controllers; `explicit` does without interception. */
export type InjectMode = 'enabled' | 'ingress' | 'explicit';

export type InjectDecision =
  | { readonly inject: true; readonly mode: InjectMode }
  | { readonly inject: false; readonly reasons: readonly string[] };

const modes: readonly string[] = ['enabled', 'ingress', 'explicit'];

/**
 * Whether a pod gets a sidecar (linkerd2 pkg/inject/report.go and webhook.go). The workload's word wins over that of
 * its namespace; a word that nobody knows injects nothing, for the intention is unknown.
 */
export function decide(pod: PodTemplate, namespace: Metadata | undefined, config: InjectConfig): InjectDecision {
  const atPod = trigger(pod.metadata, config);
  const atNamespace = trigger(namespace, config);
  const reasons: string[] = [];

  reasons.push(...unfitReasons(pod));

  const valid = (value: string) => value === 'disabled' || modes.includes(value);
  if (atPod && !valid(atPod.value)) {
    reasons.push(`invalid value for annotation "${atPod.key}" at workload`);
  } else if (atPod?.value === 'disabled') {
    reasons.push(`pod has the annotation "${atPod.key}:disabled"`);
  } else if (!atPod && atNamespace && !valid(atNamespace.value)) {
    reasons.push(`invalid value for annotation "${atNamespace.key}" at namespace`);
  } else if (!atPod && (!atNamespace || atNamespace.value === 'disabled')) {
    reasons.push(`neither the namespace nor the pod have the annotation "${injectAnnotation}:enabled"`);
  }

  if (reasons.length > 0) return { inject: false, reasons };
  return { inject: true, mode: (atPod ?? atNamespace)?.value as InjectMode };
}

/** Why a pod can have no sidecar, whatever it asks for. */
function unfitReasons({ spec, ...pod }: PodTemplate): string[] {
  const system = spec?.os?.name ?? spec?.nodeSelector?.['kubernetes.io/os'];
  return [
    ...(spec?.hostNetwork === true ? ['hostNetwork is enabled'] : []),
    ...(hasSidecar({ ...pod, spec }) ? ['pod has a sidecar injected already'] : []),
    ...(system === 'windows' ? ['the pod runs on Windows, where there is no sidecar'] : []),
  ];
}

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
