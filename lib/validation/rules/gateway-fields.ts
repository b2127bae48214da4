import type { KindSpec } from '../../kinds/definition.ts';
import { gatewayApiRelease, gatewayDefinitions, isLaterRelease } from '../../kinds/gateway-definitions.ts';
import { Problems } from '../../kinds/problems.ts';
import { checkStructure, misshape } from '../../kinds/structural-check.ts';
import type { Rule } from '../finding.ts';
import type { Entry, ManifestModel } from '../manifest-model.ts';
import { maxToldProblems } from './known-fields.ts';

/**
 * Routes of the Gateway API are as its definitions say. A field that these do not know may be one of a later release, which the
 * cluster has: that is a warning. Where the mesh says that it has a later one, fields are only held to their types.
 */
export const gatewayFields: Rule = {
  id: 'gateway-schema',
  *check<E extends Entry>(model: ManifestModel<E>) {
    const isLater = isLaterRelease(model.config.gatewayApiVersion ?? gatewayApiRelease);
    for (const kind of gatewayDefinitions) {
      for (const at of model.ofKind(kind.group, kind.kind)) {
        const { apiVersion, spec } = at.manifest;
        const of = { apiVersion: String(apiVersion), spec };
        const [wrong, all] = isLater ? misshapes(kind, of) : problemsOf(kind, of);
        for (const problem of all) {
          const [, field, message] = /^(\S+) (.*)$/s.exec(problem) ?? ['', '', problem];
          const isWrong = wrong.includes(problem);
          yield {
            ...{ severity: isWrong ? ('error' as const) : ('warning' as const), at, field, message },
            fix: isWrong
              ? `correct it (kubectl explain ${kind.plural}.spec has the fields), or the API server refuses it`
              : `correct it; without a later release of the Gateway API than ${gatewayApiRelease} the cluster does not know it`,
          };
        }
      }
    }
  },
};

type Problematic = { readonly apiVersion: string; readonly spec?: unknown };
/** Those that are errors, and all, which are unknown fields besides. */
type Found = readonly [wrong: readonly string[], all: readonly string[]];

function problemsOf(kind: KindSpec, object: Problematic): Found {
  const [wrong, all] = [new Problems(maxToldProblems), new Problems(maxToldProblems)];
  checkStructure(kind, object, wrong);
  checkStructure(kind, object, all, { refuseUnknownFields: true });
  return [wrong.list, all.list];
}

function misshapes(kind: KindSpec, object: Problematic): Found {
  const found = [misshape(kind, object) ?? []].flat();
  return [found, found];
}
