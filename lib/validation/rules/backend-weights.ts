import { backendsAnnotation } from '../../contract/annotations.ts';
import type { Rule } from '../finding.ts';
import { type Entry, type ManifestModel, objectsOf } from '../manifest-model.ts';
import { routesOf } from '../route-backends.ts';

/** Weights are shares of their sum: it must not be 0, and all of them must be said or none. */
export const backendWeights: Rule = {
  id: 'backend-weights',
  *check<E extends Entry>(model: ManifestModel<E>) {
    for (const { entry: at, object } of routesOf(model)) {
      // In an order of preference there are no shares.
      if (object.metadata.annotations?.[backendsAnnotation] !== undefined) continue;
      for (const [index, { backendRefs = [] }] of (object.spec.rules ?? []).entries()) {
        const weights = backendRefs.map(({ weight }) => weight);
        const field = `spec.rules[${index}].backendRefs`;
        yield* weighed(weights, { at, field }, 'each backend');
      }
    }
    for (const { entry: at, object } of objectsOf(model, 'ServiceProfile')) {
      const weights = (object.spec?.dstOverrides ?? []).map(({ weight }) => Number.parseFloat(String(weight)));
      yield* weighed(weights, { at, field: 'spec.dstOverrides' }, 'each override');
    }
  },
};

function* weighed<E extends Entry>(
  weights: readonly (number | undefined)[],
  place: { readonly at: E; readonly field: string },
  each: string,
) {
  if (weights.length > 0 && weights.every((weight) => weight === 0)) {
    yield {
      ...{ ...place, severity: 'error' as const },
      message: `(${weights.join(', ')}) weigh nothing together, so that every request is refused`,
      fix: 'give one of them a weight above 0, or leave the weights out',
    };
  }
  const said = weights.filter((weight) => weight !== undefined);
  if (said.length === 0 || said.length === weights.length || said.every((weight) => weight === 1)) return;
  const shown = weights.map((weight) => weight ?? 'none, which counts as 1').join(', ');
  yield {
    ...{ ...place, severity: 'warning' as const },
    message: `(${shown}) have weights in part, so that their shares are hardly those that are meant`,
    fix: `give ${each} a weight`,
  };
}
