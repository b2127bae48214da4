import { gatewayDefinitions } from '../../kinds/gateway-definitions.ts';
import { Problems } from '../../kinds/problems.ts';
import { checkStructure } from '../../kinds/structural-check.ts';
import type { Rule } from '../finding.ts';
import type { Entry, ManifestModel } from '../manifest-model.ts';
import { maxToldProblems } from './known-fields.ts';

/**
 * Routes of the Gateway API are as its definitions say. A field that these do not know may be one of a later release, which the
 * cluster has: that is a warning.
 */
export const gatewayFields: Rule = {
  id: 'gateway-schema',
  *check<E extends Entry>(model: ManifestModel<E>) {
    for (const kind of gatewayDefinitions) {
      for (const at of model.ofKind(kind.group, kind.kind)) {
        const { apiVersion, spec } = at.manifest;
        const of = { apiVersion: String(apiVersion), spec };
        const [wrong, all] = [new Problems(maxToldProblems), new Problems(maxToldProblems)];
        checkStructure(kind, of, wrong);
        checkStructure(kind, of, all, { refuseUnknownFields: true });
        for (const problem of all.list) {
          const [, field, message] = /^(\S+) (.*)$/s.exec(problem) ?? ['', '', problem];
          const isWrong = wrong.list.includes(problem);
          yield {
            ...{ severity: isWrong ? ('error' as const) : ('warning' as const), at, field, message },
            fix: isWrong
              ? `correct it (kubectl explain ${kind.plural}.spec has the fields), or the API server refuses it`
              : 'correct it; without a later release of the Gateway API than 1.6 the cluster does not know it',
          };
        }
      }
    }
  },
};
