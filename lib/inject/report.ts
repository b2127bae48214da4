/** Something that is wrong with an object, told to whoever wrote it; injection went on without it. */
export interface InjectProblem {
  /** An `error` is a mistake that the constructs fail on; a `warning` may be meant so. */
  readonly severity: 'error' | 'warning';
  /** `deployment/web` */
  readonly object: string;
  /** `spec.template.metadata.annotations["config.tulle.dev/opaque-ports"]` */
  readonly field: string;
  /** What it must be. */
  readonly message: string;
  /** How injection went on without it. */
  readonly consequence: string;
}

export type InjectOutcome = 'injected' | 'annotated' | 'skipped' | 'uninjected' | 'unchanged';

/** What happened to one object. */
export interface InjectReport {
  /** `deployment/web` */
  readonly object: string;
  readonly outcome: InjectOutcome;
  /** Why it was skipped, each reason once. */
  readonly reasons: readonly string[];
  readonly problems: readonly InjectProblem[];
}

/** `deployment "web" injected`, then one line for each problem, as the command line and the webhook's log show it. */
export function formatReport(report: InjectReport): string {
  const [kind, name] = splitObject(report.object);
  const reasons = report.reasons.length > 0 ? `: ${report.reasons.join(', ')}` : '';
  const lines = report.problems.map(
    ({ object, field, message, consequence }) => `  ! ${object}: ${field}: ${message}; ${consequence}`,
  );
  return [`${kind} "${name}" ${report.outcome}${reasons}`, ...lines].join('\n');
}

function splitObject(object: string): [kind: string, name: string] {
  const slash = object.indexOf('/');
  return slash < 0 ? [object, ''] : [object.slice(0, slash), object.slice(slash + 1)];
}
