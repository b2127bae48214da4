import { findAnnotation } from '../contract/annotations.ts';
import { applyAnnotations, settings } from './annotations.ts';
import type { InjectConfig } from './config.ts';
import { injectWords, unknownWord } from './decision.ts';
import type { Metadata } from './kubernetes.ts';
import type { InjectProblem } from './report.ts';

/** What is wrong with the mesh's annotations of a namespace, whether pods stand in it or not. */
export function namespaceProblems(namespace: Metadata, config: InjectConfig): InjectProblem[] {
  const place = { object: `namespace/${namespace.name ?? ''}`, field: 'metadata.annotations' };
  const problems = wordProblems(namespace, place, config);
  applyAnnotations(config.defaults, namespace, { ...place, level: 'namespace' }, problems);
  for (const { inherited, keys } of settings) {
    const found = inherited ? undefined : findAnnotation(namespace, keys);
    if (found === undefined) continue;
    problems.push({
      ...{ severity: 'error', object: place.object, field: `${place.field}["${found.key}"]` },
      message: 'is nothing that pods take from their namespace: give it to its workloads',
      consequence: 'the annotation is ignored',
    });
  }
  return problems;
}

/** A word about injection that nobody knows: it injects nothing, and injection itself gives it as its reason only. */
export function wordProblems(
  metadata: Metadata | undefined,
  { object, field }: { readonly object: string; readonly field: string },
  config: InjectConfig,
): InjectProblem[] {
  const unknown = unknownWord(metadata, config);
  if (unknown === undefined) return [];
  return [
    {
      ...{ severity: 'error', object, field: `${field}["${unknown.key}"]` },
      message: `'${unknown.value.slice(0, longestShown)}' must be one of ${injectWords.join(', ')}`,
      consequence: 'no sidecar is added by it',
    },
  ];
}

const longestShown = 100;
