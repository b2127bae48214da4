import { type Atom, type Node, PatternError, parsePattern } from './pattern-parser.ts';

export { PatternError } from './pattern-parser.ts';

/** Places of a pattern where a character is matched: repetitions are written out. */
const maxPositions = 200;

/**
 * Why proxies cannot match by a text, one clause; undefined when they can. The control plane asks before it tells a
 * pattern to proxies, and validators before an object is stored.
 */
export function patternProblem(text: string): string | undefined {
  try {
    const tried = new Set<string>();
    for (const atom of positionsOf(text).positions.atoms) {
      if (!tried.has(atom.source)) matcherOf(atom);
      tried.add(atom.source);
    }
    return undefined;
  } catch (error) {
    if (error instanceof PatternError) return error.message;
    throw error;
  }
}

/** The places of a pattern, and which of them a text begins and ends with. Throws a PatternError. */
export function positionsOf(text: string): { readonly positions: Positions; readonly root: Part } {
  const positions = new Positions();
  return { root: positions.add(parsePattern(text)), positions };
}

/** Whether a character, by its code, is one of those that an atom stands for. Throws a PatternError. */
export function matcherOf({ source, ignoreCase, dotAll }: Atom): (code: number) => boolean {
  const isUnicode = /\\p\{/i.test(source);
  let single: RegExp;
  try {
    single = new RegExp(`^(?:${source})$`, `${ignoreCase ? 'i' : ''}${dotAll ? 's' : ''}${isUnicode ? 'u' : ''}`);
  } catch (error) {
    throw new PatternError((error as Error).message);
  }
  return (code) => single.test(String.fromCharCode(code));
}

/** What a part of a pattern begins and ends with, and whether nothing fits it. */
export interface Part {
  readonly first: readonly number[];
  readonly last: readonly number[];
  readonly empty: boolean;
}

function hasAtoms(node: Node): boolean {
  if (node.kind === 'atom') return true;
  return node.kind === 'repeat' ? node.most > 0 && hasAtoms(node.node) : node.nodes.some(hasAtoms);
}

const nothing: Part = { first: [], last: [], empty: true };

/** Numbers the positions of a pattern, and notes which may follow which. */
export class Positions {
  readonly atoms: Atom[] = [];
  readonly follow: Set<number>[] = [];

  add(node: Node): Part {
    switch (node.kind) {
      case 'atom': {
        if (this.atoms.length >= maxPositions) {
          throw new PatternError(`it has more than ${maxPositions} characters, repetitions written out`);
        }
        const position = this.atoms.push(node.atom) - 1;
        this.follow.push(new Set());
        return { first: [position], last: [position], empty: false };
      }
      case 'sequence':
        return node.nodes.reduce<Part>((before, next) => this.join(before, this.add(next)), nothing);
      case 'choice':
        return node.nodes
          .map((each) => this.add(each))
          .reduce((a, b) => ({
            first: [...a.first, ...b.first],
            last: [...a.last, ...b.last],
            empty: a.empty || b.empty,
          }));
      case 'repeat':
        return this.repeat(node.node, node.least, node.most);
    }
  }

  private repeat(node: Node, least: number, most: number): Part {
    // However often nothing is repeated, it is nothing; counts within counts would be gone through all the same.
    if (!hasAtoms(node)) return nothing;
    let all = nothing;
    for (let i = 0; i < least - 1; i++) all = this.join(all, this.add(node));
    if (most === Number.POSITIVE_INFINITY) {
      const again = this.add(node);
      this.connect(again.last, again.first);
      return this.join(all, least === 0 ? { ...again, empty: true } : again);
    }
    if (least > 0) all = this.join(all, this.add(node));
    // Each of the rest is there only when those before it are.
    const rest: Part[] = [];
    for (let i = least; i < most; i++) rest.push(this.add(node));
    return this.join(
      all,
      rest.reduceRight<Part>((after, part) => ({ ...this.join(part, after), empty: true }), nothing),
    );
  }

  private join(a: Part, b: Part): Part {
    this.connect(a.last, b.first);
    return {
      first: a.empty ? [...a.first, ...b.first] : a.first,
      last: b.empty ? [...a.last, ...b.last] : b.last,
      empty: a.empty && b.empty,
    };
  }

  private connect(last: readonly number[], first: readonly number[]): void {
    for (const from of last) for (const to of first) this.follow[from].add(to);
  }
}
