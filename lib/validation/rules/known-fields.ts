import { meshKinds } from '../../kinds/index.ts';
import { Problems } from '../../kinds/problems.ts';
import { checkStructure } from '../../kinds/structural-check.ts';
import type { Rule } from '../finding.ts';
import { type Entry, type ManifestModel, namespaceOf } from '../manifest-model.ts';

/** What is told of one object: who made one mistake may have made it in every line. */
export const maxToldProblems = 20;

/** Objects of the mesh are as the definitions of their kinds say, without a field that these do not know. */
export const knownFields: Rule = {
  id: 'schema',
  *check<E extends Entry>(model: ManifestModel<E>) {
    for (const kind of meshKinds) {
      for (const at of model.ofKind(kind.group, kind.kind)) {
        const problems = new Problems(maxToldProblems);
        const { apiVersion, spec } = at.manifest;
        checkStructure(kind, { apiVersion: String(apiVersion), spec }, problems, { refuseUnknownFields: true });
        for (const problem of problems.list) {
          const [, field, message] = /^(\S+) (.*)$/s.exec(problem) ?? ['', '', problem];
          yield {
            ...{ severity: 'error' as const, at, field, message },
            fix: `correct it (kubectl explain ${kind.plural}.${kind.group} has the fields), or the API server refuses ${namespaceOf(at.manifest)}/${at.manifest.metadata?.name}`,
          };
        }
      }
    }
  },
};
