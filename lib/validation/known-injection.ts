import { injectAnnotation, linkerdInjectAnnotation } from '../contract/annotations.ts';
import { templateAt, templatePath } from '../inject/workload.ts';
import { type Entry, type ManifestModel, namespaceOf, type PodEntry } from './manifest-model.ts';

/** Whether the manifests tell if pods get a sidecar: without a word of theirs, that of their namespace counts. */
export function isInjectionKnown({ namespaces }: ManifestModel, { given, isMeshed, pod }: Entry & PodEntry): boolean {
  if (isMeshed || pod.spec?.hostNetwork === true || namespaces.has(namespaceOf(given))) return true;
  const path = templatePath(given);
  const annotations = (path === undefined ? undefined : templateAt(given, path)?.metadata?.annotations) ?? {};
  return injectAnnotation in annotations || linkerdInjectAnnotation in annotations;
}
