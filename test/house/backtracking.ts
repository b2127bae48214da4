/**
 * Whether a regular expression can take much longer than a text is long. It is read into an automaton whose states are
 * the places of the expression; two places that can each be come back to by one word, and from the first to the second
 * by that word too, let an engine divide a text in as many ways as it is long (infinite degree of ambiguity; Weber and
 * Seidl 1991). The word that shows it is then given to the engine itself, so what that does better is no finding.
 */
export function slowText(pattern: RegExp): string | undefined {
  const automaton = new Automaton(pattern);
  for (const { prefix, word } of automaton.ambiguities()) {
    for (const suffix of ['', '\0', '!', '\n\0', 'a\0']) {
      const text = (length: number): string => prefix + word.repeat(Math.ceil(length / word.length)) + suffix;
      if (isSlow(pattern, text)) return `${prefix}(${word})…${suffix}`;
    }
  }
  return undefined;
}

/** Lengths to try: close to each other first, where what doubles with each character is told while it still ends. */
const lengths = [16, 20, 24, 28, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16_384, 32_768];
/** A linear engine reads the longest text in a tenth of that. */
const slowMs = 40;

function isSlow(pattern: RegExp, text: (length: number) => string): boolean {
  const time = (length: number): number => {
    const subject = text(length);
    const startMs = performance.now();
    subject.replace(pattern, '');
    return performance.now() - startMs;
  };
  // Twice, for the machine may have stood still the first time.
  return lengths.some((length) => time(length) > slowMs && time(length) > slowMs);
}

type Node =
  | { readonly kind: 'atom'; readonly source: string }
  | { readonly kind: 'sequence' | 'choice'; readonly nodes: readonly Node[] }
  | { readonly kind: 'repeat'; readonly node: Node; readonly least: number; readonly most: number };

const nothing: Node = { kind: 'sequence', nodes: [] };

/** Reads the dialect of JavaScript. What looks around itself is taken for nothing, which finds too much, not too little. */
class Reader {
  endsOpen = true;
  private readonly text: string;
  private at = 0;

  constructor(text: string) {
    this.text = text;
  }

  choice(): Node {
    const nodes: Node[] = [];
    do {
      const sequence: Node[] = [];
      while (this.at < this.text.length && !'|)'.includes(this.text[this.at])) sequence.push(this.quantified());
      nodes.push({ kind: 'sequence', nodes: sequence });
    } while (this.text[this.at] === '|' && ++this.at > 0);
    return { kind: 'choice', nodes };
  }

  private quantified(): Node {
    const node = this.element();
    const found = /^(?:[*+?]|\{(\d+)(,?)(\d*)\})\??/.exec(this.text.slice(this.at));
    if (found === null) return node;
    this.at += found[0].length;
    const [all, least, comma, most] = found;
    if (all[0] === '*') return { kind: 'repeat', node, least: 0, most: Number.POSITIVE_INFINITY };
    if (all[0] === '+') return { kind: 'repeat', node, least: 1, most: Number.POSITIVE_INFINITY };
    if (all[0] === '?') return { kind: 'repeat', node, least: 0, most: 1 };
    const unbounded = comma === ',' && most === '';
    // A bounded count is a factor, not a power: a few copies show what stands beside what.
    const from = Math.min(Number(least), 3);
    const extra = comma === '' ? 0 : Math.min(Number(most) - Number(least), 2);
    return { kind: 'repeat', node, least: from, most: unbounded ? Number.POSITIVE_INFINITY : from + extra };
  }

  private element(): Node {
    const rest = this.text.slice(this.at);
    const group = /^\((?:\?(?:<[A-Za-z]\w*>|[ims-]*:|<?[=!]))?/.exec(rest);
    if (group !== null) {
      this.at += group[0].length;
      const looks = /[=!]$/.test(group[0]);
      const inner = this.choice();
      this.at++;
      if (looks) this.endsOpen = false;
      return looks ? nothing : inner;
    }
    const anchor = /^(?:[$^]|\\[bB])/.exec(rest);
    if (anchor !== null) {
      this.at += anchor[0].length;
      if (anchor[0] !== '^') this.endsOpen = false;
      return nothing;
    }
    const atom =
      /^(?:\[(?:\\[\s\S]|[^\]\\])*\]|\\(?:x[\da-f]{2}|u[\da-f]{4}|u\{[\da-f]+\}|[pP]\{\w+\}|[\s\S])|[\s\S])/i.exec(
        rest,
      ) as RegExpExecArray;
    if (/^\\[1-9k]/.test(atom[0])) throw new Error(`${this.text} refers back to a group: no automaton does`);
    this.at += atom[0].length;
    return { kind: 'atom', source: atom[0] };
  }
}

interface Part {
  readonly first: readonly number[];
  readonly last: readonly number[];
  readonly empty: boolean;
}

/** The first state; the others are the places of the expression, from 1. */
const start = 0;

class Automaton {
  private readonly atoms: string[] = [''];
  private readonly follow: Set<number>[] = [new Set()];
  private readonly accepting: ReadonlySet<number>;
  /** One character of each kind that the expression tells apart, and the places that take it. */
  private readonly kinds: { readonly char: string; readonly places: ReadonlySet<number> }[];

  constructor({ source, flags }: RegExp) {
    const reader = new Reader(source);
    const root = this.add(reader.choice());
    for (const place of root.first) this.follow[start].add(place);
    this.accepting = new Set(reader.endsOpen ? root.last : []);
    const kinds = new Map<string, { char: string; places: Set<number> }>();
    const singles = this.atoms.map((atom, place) =>
      place === start ? undefined : new RegExp(`^(?:${atom})$`, flags.replace(/[gym]/g, '')),
    );
    const anchored = flags.includes('y') || (source.startsWith('^') && !flags.includes('m') && !topChoice(source));
    for (const char of characters) {
      const places = new Set(singles.flatMap((single, place) => (single?.test(char) ? [place] : [])));
      // Where it may begin anywhere, the engine begins everywhere.
      if (!anchored) places.add(start);
      kinds.set([...places].join(), { char, places });
    }
    if (!anchored) this.follow[start].add(start);
    this.kinds = [...kinds.values()];
  }

  *ambiguities(): Generator<{ prefix: string; word: string }> {
    const states = this.atoms.map((_, state) => state).filter((state) => !this.accepting.has(state));
    const circular = states.filter((state) => this.path([state], [state]) !== undefined);
    for (const p of circular) {
      const prefix = p === start ? '' : this.path([start], [p]);
      if (prefix === undefined) continue;
      for (const q of circular) {
        const word = p === q ? undefined : this.path([p, p, q], [p, q, q]);
        if (word !== undefined) yield { prefix, word };
      }
    }
  }

  /** The shortest word, of one character at least, that leads each of some states to another. */
  private path(from: readonly number[], to: readonly number[]): string | undefined {
    const goal = to.join();
    const seen = new Set<string>();
    let border = [{ states: from, word: '' }];
    while (border.length > 0) {
      const next: typeof border = [];
      for (const { states, word } of border) {
        for (const { char, places } of this.kinds) {
          const choices = states.map((state) => [...this.follow[state]].filter((place) => places.has(place)));
          for (const reached of product(choices)) {
            const key = reached.join();
            if (key === goal) return word + char;
            if (seen.has(key)) continue;
            seen.add(key);
            next.push({ states: reached, word: word + char });
          }
        }
      }
      border = next;
    }
    return undefined;
  }

  private add(node: Node): Part {
    switch (node.kind) {
      case 'atom': {
        const place = this.atoms.push(node.source) - 1;
        this.follow.push(new Set());
        return { first: [place], last: [place], empty: false };
      }
      case 'sequence':
        return node.nodes.reduce<Part>((before, next) => this.join(before, this.add(next)), none);
      case 'choice':
        return node.nodes
          .map((each) => this.add(each))
          .reduce((a, b) => ({
            first: [...a.first, ...b.first],
            last: [...a.last, ...b.last],
            empty: a.empty || b.empty,
          }));
      case 'repeat': {
        let all = none;
        for (let i = 0; i < node.least; i++) all = this.join(all, this.add(node.node));
        if (node.most === Number.POSITIVE_INFINITY) {
          const again = this.add(node.node);
          for (const last of again.last) for (const first of again.first) this.follow[last].add(first);
          return this.join(all, { ...again, empty: true });
        }
        for (let i = node.least; i < node.most; i++) all = this.join(all, { ...this.add(node.node), empty: true });
        return all;
      }
    }
  }

  private join(a: Part, b: Part): Part {
    for (const last of a.last) for (const first of b.first) this.follow[last].add(first);
    return {
      first: a.empty ? [...a.first, ...b.first] : a.first,
      last: b.empty ? [...a.last, ...b.last] : b.last,
      empty: a.empty && b.empty,
    };
  }
}

const none: Part = { first: [], last: [], empty: true };
const characters = [...Array.from({ length: 0x180 }, (_, code) => String.fromCharCode(code)), '\u03bc', '\u2028', '字'];

/** `^a|b` begins anywhere for its second part. */
function topChoice(source: string): boolean {
  const plain = source.replace(/\\[\s\S]|\[(?:\\[\s\S]|[^\]\\])*\]/g, 'x');
  let depth = 0;
  for (const char of plain) {
    if (char === '(') depth++;
    else if (char === ')') depth--;
    else if (char === '|' && depth === 0) return true;
  }
  return false;
}

function* product(choices: readonly (readonly number[])[]): Generator<number[]> {
  if (choices.length === 0) yield [];
  else for (const head of choices[0]) for (const tail of product(choices.slice(1))) yield [head, ...tail];
}
