import { type Atom, type Node, PatternError, parsePattern } from './pattern-parser.ts';

/** Places of a pattern where a character is matched: repetitions are written out. */
const maxPositions = 200;
/** States that are kept made up, each of 512 bytes. Beyond them all are made anew as they are needed. */
const maxStates = 64;
const firstStates = 4;
const bytes = 256;
const unmade = -1;
const dead = -2;

/**
 * A regular expression that a whole text fits or does not, told in one pass: clients choose the texts, and a backtracking
 * engine can be kept busy for seconds by 28 bytes.
 *
 * The positions of the pattern are the states of an automaton (Glushkov's construction: no empty moves). The sets of
 * positions that texts lead to are made into states of a deterministic one as they come up, so that a character
 * mostly costs a look into a table, and at worst a step of all positions.
 */
export class Pattern {
  private readonly atoms: ((code: number) => boolean)[] = [];
  /** Sets of positions, each of `words` words: those that a byte fits, and those that may follow a position. */
  private readonly byByte: Uint32Array;
  private readonly follow: Uint32Array;
  private readonly first: Uint32Array;
  private readonly last: Uint32Array;
  private readonly words: number;
  private readonly matchesEmpty: boolean;

  private readonly byKey = new Map<string, number>();
  private sets: Uint32Array[] = [];
  /** The next state for each state and byte. */
  private table = new Int16Array(0);
  private accepting: boolean[] = [];

  /** Throws a PatternError that says what is wrong with `text`. */
  constructor(text: string) {
    const positions = new Positions();
    const root = positions.add(parsePattern(text));
    const count = positions.atoms.length;
    this.words = Math.max(1, Math.ceil(count / 32));
    const set = (members: Iterable<number>): Uint32Array => {
      const made = new Uint32Array(this.words);
      for (const member of members) made[member >> 5] |= 1 << (member & 31);
      return made;
    };
    const tests = new Map<string, (code: number) => boolean>();
    for (const atom of positions.atoms) {
      const key = `${atom.source} ${atom.ignoreCase} ${atom.dotAll}`;
      let test = tests.get(key);
      if (test === undefined) {
        test = testOf(atom);
        tests.set(key, test);
      }
      this.atoms.push(test);
    }
    this.byByte = new Uint32Array(bytes * this.words);
    for (let code = 0; code < bytes; code++) {
      for (let word = 0; word < this.words; word++) this.byByte[code * this.words + word] = this.fitting(code, word);
    }
    this.follow = new Uint32Array(count * this.words);
    positions.follow.forEach((members, position) => {
      this.follow.set(set(members), position * this.words);
    });
    this.first = set(root.first);
    this.last = set(root.last);
    this.matchesEmpty = root.empty;
    this.clear();
  }

  /** Whether the whole of `text` fits. */
  test(text: string): boolean {
    let state = 0;
    let { table } = this;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      const next = code < bytes ? table[(state << 8) | code] : unmade;
      if (next >= 0) state = next;
      else {
        if (next === dead) return false;
        state = this.step(state, code);
        if (state === dead) return false;
        table = this.table;
      }
    }
    return this.accepting[state];
  }

  private step(from: number, code: number): number {
    const { words, sets } = this;
    const next = new Uint32Array(words);
    if (from === 0) next.set(this.first);
    else {
      const set = sets[from];
      for (let word = 0; word < words; word++) {
        for (let rest = set[word]; rest !== 0; rest &= rest - 1) {
          const at = ((word << 5) + 31 - Math.clz32(rest & -rest)) * words;
          for (let i = 0; i < words; i++) next[i] |= this.follow[at + i];
        }
      }
    }
    let any = 0;
    for (let i = 0; i < words; i++) {
      next[i] &= code < bytes ? this.byByte[code * words + i] : this.fitting(code, i);
      any |= next[i];
    }
    if (any === 0) {
      if (code < bytes) this.table[(from << 8) | code] = dead;
      return dead;
    }
    const key = next.join();
    let state = this.byKey.get(key);
    if (state === undefined) {
      const isFull = this.sets.length >= maxStates;
      if (isFull) this.clear();
      state = this.make(next, key);
      // The state that led here is made up no more.
      if (isFull) return state;
    }
    if (code < bytes) this.table[(from << 8) | code] = state;
    return state;
  }

  /** A word of the set of positions that a character fits; query parameters may hold others than bytes. */
  private fitting(code: number, word: number): number {
    let set = 0;
    for (let i = 0; i < 32 && (word << 5) + i < this.atoms.length; i++) {
      if (this.atoms[(word << 5) + i](code)) set |= 1 << i;
    }
    return set;
  }

  /** State 0 is where texts begin. */
  private clear(): void {
    this.byKey.clear();
    this.sets = [new Uint32Array(this.words)];
    this.table = new Int16Array(firstStates * bytes).fill(unmade);
    this.accepting = [this.matchesEmpty];
  }

  private make(set: Uint32Array, key: string): number {
    const state = this.sets.push(set) - 1;
    if (this.table.length < this.sets.length * bytes) {
      const larger = new Int16Array(this.table.length * 2).fill(unmade);
      larger.set(this.table);
      this.table = larger;
    }
    this.accepting.push(set.some((word, i) => (word & this.last[i]) !== 0));
    this.byKey.set(key, state);
    return state;
  }
}

function testOf({ source, ignoreCase, dotAll }: Atom): (code: number) => boolean {
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
interface Part {
  readonly first: readonly number[];
  readonly last: readonly number[];
  readonly empty: boolean;
}

const nothing: Part = { first: [], last: [], empty: true };

/** Numbers the positions of a pattern, and notes which may follow which. */
class Positions {
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
