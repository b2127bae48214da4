/** What a page of the admin server tells of what this process knows now. */
export interface DebugPage {
  /** Without what there was no room for. */
  readonly shown: readonly unknown[];
  readonly total: number;
}

/** A page is read by people, and made in one go: more would hold requests up. */
const mostShown = 1000;

/** The first thousand of `all`, each as `describe` has it. */
export function pageOf<T>(all: Iterable<T>, describe: (one: T) => unknown): DebugPage {
  const shown: unknown[] = [];
  let total = 0;
  for (const one of all) {
    if (total < mostShown) shown.push(describe(one));
    total++;
  }
  return { shown, total };
}

/** As JSON, with a note where something was left out. Undefined values are left out, so none is told that is not there. */
export function written(name: string, { shown, total }: DebugPage): string {
  const left = total > shown.length ? { leftOut: total - shown.length } : {};
  return `${JSON.stringify({ [name]: shown, ...left }, null, 2)}\n`;
}
