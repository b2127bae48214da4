import { matcherOf, positionsOf } from '../../lib/contract/pattern.ts';

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
  readonly text: string;
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
    this.text = text;
    const { positions, root } = positionsOf(text);
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
        test = matcherOf(atom);
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
