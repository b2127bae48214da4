import type { IConstruct } from 'constructs';

/** One synth of a whole app. */
export interface Round {
  readonly done: Set<symbol>;
}

interface Followed {
  current: Round | undefined;
}

const followed = new WeakMap<IConstruct, Followed>();

/** Has the synths of an app known from their begin on. Called before the first of them. */
export function followRounds(root: IConstruct): void {
  if (followed.has(root)) return;
  const rounds: Followed = { current: undefined };
  followed.set(root, rounds);
  const app = root as Partial<Record<'synth' | 'synthYaml', () => unknown>>;
  for (const name of ['synth', 'synthYaml'] as const) {
    const synthesize = app[name]?.bind(root);
    if (synthesize === undefined) continue;
    app[name] = () => {
      if (rounds.current !== undefined) return synthesize();
      rounds.current = { done: new Set() };
      try {
        return synthesize();
      } finally {
        rounds.current = undefined;
      }
    };
  }
}

/** The synth of an app that is under way; undefined outside, and where single charts are rendered. */
export const roundOf = (root: IConstruct): Round | undefined => followed.get(root)?.current;

/**
 * Whether something is still to be done in this synth of an app. cdk8s runs the validations of all constructs anew for each
 * of its charts, though nothing changes between them: whoever looks at the whole app does so once. Where single charts are
 * rendered, it always is.
 */
export function isDueInRound(root: IConstruct, what: symbol): boolean {
  const round = roundOf(root);
  if (round === undefined) return true;
  if (round.done.has(what)) return false;
  round.done.add(what);
  return true;
}
