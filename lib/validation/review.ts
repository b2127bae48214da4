import type { Finding, Rule } from './finding.ts';
import type { Entry, ManifestModel } from './manifest-model.ts';
import { rules } from './rules/index.ts';

/** What is wrong with manifests that are applied together: in the order of the rules, and of the objects in each. */
export const review = <E extends Entry>(model: ManifestModel<E>, by: readonly Rule[] = rules): readonly Finding<E>[] =>
  by.flatMap((rule) => [...rule.check(model)].map((finding) => ({ ...finding, rule: rule.id })));
