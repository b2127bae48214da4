import type { Complain } from '../../contract/annotation-reader.ts';
import { routeSettingProblems, trafficSettings } from '../../contract/traffic-annotations.ts';
import { namespaceProblems, wordProblems } from '../../inject/annotation-problems.ts';
import type { InjectProblem } from '../../inject/report.ts';
import { templateAt, templatePath } from '../../inject/workload.ts';
import type { Finding, Rule } from '../finding.ts';
import { type Entry, type ManifestModel, objectsOf, type PodEntry } from '../manifest-model.ts';
import { meshParents } from '../route-parents.ts';

type Found<E extends Entry> = Omit<Finding<E>, 'rule'>;

/** Annotations say something that is known, where it is heard: others are passed over without a word in a cluster. */
export const knownAnnotations: Rule = {
  id: 'no-effect',
  *check<E extends Entry>(model: ManifestModel<E>) {
    for (const at of model.ofKind('v1', 'Namespace')) {
      yield* namespaceProblems(at.manifest.metadata ?? {}, model.config).map((problem) => found(at, problem));
    }
    for (const pod of model.pods) yield* ofPods(pod, model).map((problem) => found(pod, problem));
    for (const at of model.ofKind('v1', 'Service')) {
      yield* complaints(at, (complain) => trafficSettings(at.manifest.metadata?.annotations, complain));
    }
    for (const { entry } of objectsOf(model, 'EgressNetwork')) {
      yield* complaints(entry, (complain) => trafficSettings(entry.manifest.metadata?.annotations, complain));
    }
    for (const name of ['PolicyHTTPRoute', 'HTTPRoute', 'GRPCRoute'] as const) {
      const protocol = name === 'GRPCRoute' ? 'grpc' : 'http';
      for (const { entry, object, namespace } of objectsOf(model, name)) {
        const parents = meshParents(object.spec.parentRefs ?? [], namespace);
        const isSent = parents.some(({ key }) => !key.startsWith(`${namespace}/Server/`));
        const { annotations = {} } = object.metadata;
        yield* complaints(entry, (complain) => routeSettingProblems(annotations, protocol, isSent, complain));
      }
    }
  },
};

/** A word about injection, and what injection passes over, but for what is told of their namespace. */
function ofPods({ given, problems }: PodEntry, { config }: ManifestModel): readonly InjectProblem[] {
  const path = templatePath(given) ?? [];
  const field = [...path, 'metadata.annotations'].join('.');
  return [
    ...wordProblems(templateAt(given, path)?.metadata, { object: '', field }, config),
    ...problems.filter(({ object }) => !object.startsWith('namespace/')),
  ];
}

const found = <E extends Entry>(at: E, { severity, field, message, consequence }: InjectProblem): Found<E> => ({
  ...{ severity, at, field, message, fix: `correct it, else ${consequence}` },
});

function complaints<E extends Entry>(at: E, read: (complain: Complain) => unknown): Found<E>[] {
  const told: Found<E>[] = [];
  read((annotation, value, rule) => {
    const field = `metadata.annotations['${annotation}']`;
    told.push({ severity: 'error', at, field, message: `(${value}) ${rule}`, fix: 'correct it, else it is ignored' });
  });
  return told;
}
