import type { ApiObject } from 'cdk8s';
import type { InjectProblem } from '../inject/report.ts';

/** Fails the synth for mistakes in an object; warnings may be meant so. */
export function failOnMistakes(object: ApiObject, problems: readonly InjectProblem[]): void {
  const mistakes = problems.filter(({ severity }) => severity === 'error');
  if (mistakes.length === 0) return;
  const lines = mistakes.map(
    ({ object: at, field, message }) =>
      `  [${object.node.path}] ${at.startsWith('namespace/') ? `${at}: ` : ''}${field}: ${message}`,
  );
  throw new Error(
    `${mistakes[0].object.startsWith('service/') ? 'The Service cannot lead to its pods’ proxies' : 'The workload cannot be meshed as its annotations say'}:\n${lines.join('\n')}`,
  );
}
