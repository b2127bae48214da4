import { isRefused, refusalText } from '../cluster/refusal.ts';

/** A question to the cluster with a yes, or a no that says why. */
export interface Check {
  /** `can query the Kubernetes API`. */
  readonly description: string;
  /** Heading of docs/guides/check.md that tells what to do. */
  readonly hint: string;
  /** A no is worth knowing, but breaks nothing. */
  readonly warning?: boolean;
  /** After a no, nothing that follows can be asked. */
  readonly fatal?: boolean;
  /** Whether a no may become a yes by itself, so that `--wait` waits for it. */
  readonly retry?: boolean;
  /** Rejects with what is wrong; several lines for several objects. */
  readonly run: () => Promise<void>;
}

export interface Category {
  /** `kubernetes-api`. */
  readonly name: string;
  /** What to ask may hang on what the cluster has; with none the category is not shown. */
  readonly checks: readonly Check[] | (() => Promise<readonly Check[]>);
}

/** What is wrong, in one line for each object. */
export class CheckFailure extends Error {
  constructor(lines: string | readonly string[]) {
    super(typeof lines === 'string' ? lines : lines.join('\n'));
  }
}

export type Result = 'success' | 'warning' | 'error';

export interface CheckResult {
  readonly description: string;
  readonly result: Result;
  readonly error?: string;
  readonly hint?: string;
}

export interface CategoryResult {
  readonly categoryName: string;
  readonly checks: readonly CheckResult[];
}

export interface RunOptions {
  /** How long a check that may come right is asked again. */
  readonly waitMs: number;
  readonly nowMs: () => number;
  readonly sleep: (ms: number) => Promise<void>;
  /** Told of each category as soon as it is done. */
  readonly onCategory: (result: CategoryResult) => void;
  /** Told once of each check that is waited for. */
  readonly onWait: (description: string, problem: string) => void;
  /** Forgets what was read, before a check is asked again. */
  readonly refresh: () => void;
}

const retryMs = 1000;

/** Asks all checks in their order. `waitMs` is for all of them together. True when no check found an error. */
export async function runChecks(categories: readonly Category[], options: RunOptions): Promise<boolean> {
  const deadlineMs = options.nowMs() + options.waitMs;
  let good = true;
  for (const { name, checks } of categories) {
    const results: CheckResult[] = [];
    let stop = false;
    for (const check of typeof checks === 'function' ? await askedFor(checks) : checks) {
      const result = await runCheck(check, deadlineMs, options);
      results.push(result);
      good &&= result.result !== 'error';
      stop = check.fatal === true && result.result === 'error';
      if (stop) break;
    }
    if (results.length > 0) options.onCategory({ categoryName: name, checks: results });
    if (stop) break;
  }
  return good;
}

/** What hangs on the cluster is a check of its own when the cluster does not tell. */
async function askedFor(checks: () => Promise<readonly Check[]>): Promise<readonly Check[]> {
  try {
    return await checks();
  } catch (error) {
    const run = async (): Promise<void> => {
      throw error;
    };
    return [{ description: 'what there is to check can be read', hint: 'kubernetes-api', run }];
  }
}

async function runCheck(check: Check, deadlineMs: number, options: RunOptions): Promise<CheckResult> {
  const { description, hint } = check;
  let waited = false;
  for (;;) {
    let problem: string;
    try {
      await check.run();
      return { description, result: 'success' };
    } catch (error) {
      // What this user may not see may be well: the rest is asked all the same.
      if (isRefused(error)) {
        return { description, result: 'warning', error: `not known: ${refusalText(error)}`, hint: 'permissions' };
      }
      problem = (error as Error).message;
    }
    if (!check.retry || check.warning || options.nowMs() + retryMs > deadlineMs) {
      return { description, result: check.warning ? 'warning' : 'error', error: problem, hint };
    }
    if (!waited) options.onWait(description, problem);
    waited = true;
    await options.sleep(retryMs);
    options.refresh();
  }
}
