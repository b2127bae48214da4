/** A text that is no pattern which can be matched in linear time. */
export class PatternError extends Error {}

/** One character: what is matched by it is asked of the runtime's own engine, for a single character. */
export interface Atom {
  readonly source: string;
  readonly ignoreCase: boolean;
  readonly dotAll: boolean;
}

export type Node =
  | { readonly kind: 'atom'; readonly atom: Atom }
  | { readonly kind: 'sequence' | 'choice'; readonly nodes: readonly Node[] }
  /** `most` is Infinity where there is no upper bound. */
  | { readonly kind: 'repeat'; readonly node: Node; readonly least: number; readonly most: number };

const maxLength = 4096;
const maxDepth = 50;
const maxCount = 1000;
const nothing: Node = { kind: 'sequence', nodes: [] };

/**
 * Reads a regular expression: literals, classes, groups, choices and quantifiers. The dialect is JavaScript's, with the
 * flags and names of groups that Rust writes: `(?i)abc`, `(?P<name>abc)`. What no automaton can tell (references to
 * groups, look-around, word boundaries), and what the dialects read differently, is refused. Throws a PatternError.
 */
export function parsePattern(text: string): Node {
  if (text.length > maxLength) throw new PatternError(`it is longer than ${maxLength} characters`);
  return new PatternParser(text).parse();
}

interface Flags {
  readonly ignoreCase: boolean;
  readonly dotAll: boolean;
}

class PatternParser {
  private readonly text: string;
  private at = 0;
  private depth = 0;
  private flags: Flags = { ignoreCase: false, dotAll: false };

  constructor(text: string) {
    this.text = text;
  }

  parse(): Node {
    const node = this.choice();
    if (this.at < this.text.length) throw new PatternError('a parenthesis is closed that was not opened');
    return node;
  }

  private choice(): Node {
    const nodes = [this.sequence()];
    while (this.take('|')) nodes.push(this.sequence());
    return nodes.length === 1 ? nodes[0] : { kind: 'choice', nodes };
  }

  private sequence(): Node {
    const nodes: Node[] = [];
    // The whole text is matched: an anchor at its ends says nothing new, elsewhere it cannot be told.
    let begins = this.depth === 0;
    while (this.at < this.text.length && !this.sees('|') && !this.sees(')')) {
      if (this.depth === 0 && /^\$(?:$|\|)/.test(this.text.slice(this.at, this.at + 2))) {
        this.at++;
        continue;
      }
      if (begins && this.take('^')) begins = false;
      else {
        const element = this.element();
        // Flags, `(?i)`, match nothing: what follows them begins the text as well, and repeats nothing.
        if (element === nothing) continue;
        begins = false;
        nodes.push(this.quantified(element));
      }
    }
    return nodes.length === 1 ? nodes[0] : { kind: 'sequence', nodes };
  }

  private element(): Node {
    const char = this.text[this.at];
    switch (char) {
      case '(':
        return this.group();
      case '[':
        return this.class();
      case '\\':
        return this.escape();
      case '*':
      case '+':
      case '?':
        throw new PatternError(`'${char}' has nothing to repeat`);
      case '^':
      case '$':
        throw new PatternError(`'${char}' stands inside of it`);
      default:
        if (char === '{' && quantifier.test(this.text.slice(this.at, this.at + 16)))
          throw new PatternError(`'${char}' has nothing to repeat`);
        this.at++;
        return this.atom(/[{}\]/]/.test(char) ? `\\${char}` : char);
    }
  }

  private group(): Node {
    this.at++;
    if (++this.depth > maxDepth) throw new PatternError(`its groups are nested more than ${maxDepth} deep`);
    const outer = this.flags;
    const opening = /^\?(?:P?<[A-Za-z_]\w*>|([ims]*)(?:-([ims]+))?([:)]))/.exec(this.text.slice(this.at, this.at + 80));
    if (this.sees('?')) {
      if (opening === null)
        throw new PatternError('it looks around itself, or has a group of a kind that is not known');
      this.at += opening[0].length;
      const [, on = '', off = '', end] = opening;
      this.flags = {
        ignoreCase: on.includes('i') || (outer.ignoreCase && !off.includes('i')),
        dotAll: on.includes('s') || (outer.dotAll && !off.includes('s')),
      };
      // `(?i)` holds for the rest of the group that it stands in.
      if (end === ')') {
        this.depth--;
        return nothing;
      }
    }
    const node = this.choice();
    if (!this.take(')')) throw new PatternError('a parenthesis is not closed');
    this.flags = outer;
    this.depth--;
    return node;
  }

  private class(): Node {
    const match = /^\[(\^?)((?:\[:\^?[a-z]+:\]|\\[\s\S]|[^\]\\])*)\]/.exec(this.text.slice(this.at));
    if (match === null) throw new PatternError('a class of characters is not closed');
    const [whole, not, members] = match;
    if (members === '') throw new PatternError('a class of characters begins with ], which must be \\] as a member');
    const plain = members.replace(classMember, 'x');
    if (/\[|&&|--|~~/.test(plain)) throw new PatternError('a class of characters stands inside another');
    this.at += whole.length;
    return this.atom(`[${not}${members.replace(classMember, classSource)}]`);
  }

  private escape(): Node {
    const match = escapes.exec(this.text.slice(this.at, this.at + 40));
    if (match === null) throw new PatternError('it ends with a backslash');
    checkEscape(match[0]);
    this.at += match[0].length;
    return this.atom(match[0]);
  }

  private quantified(node: Node): Node {
    const match = quantifier.exec(this.text.slice(this.at, this.at + 16));
    if (match === null) return node;
    this.at += match[0].length;
    if (/[*+?]/.test(this.text[this.at] ?? '')) throw new PatternError('a quantifier has nothing to repeat');
    const [all, least, comma, most] = match;
    if (all[0] === '*') return { kind: 'repeat', node, least: 0, most: Number.POSITIVE_INFINITY };
    if (all[0] === '+') return { kind: 'repeat', node, least: 1, most: Number.POSITIVE_INFINITY };
    if (all[0] === '?') return { kind: 'repeat', node, least: 0, most: 1 };
    const from = Number(least);
    const to = comma === undefined ? from : most === undefined ? Number.POSITIVE_INFINITY : Number(most);
    if (from > to) throw new PatternError('a quantifier ends before it begins');
    if (from > maxCount || (to > maxCount && to !== Number.POSITIVE_INFINITY)) {
      throw new PatternError(`a quantifier counts further than ${maxCount}`);
    }
    return { kind: 'repeat', node, least: from, most: to };
  }

  private atom(source: string): Node {
    return { kind: 'atom', atom: { source, ...this.flags } };
  }

  private sees(char: string): boolean {
    return this.text[this.at] === char;
  }

  private take(char: string): boolean {
    if (!this.sees(char)) return false;
    this.at++;
    return true;
  }
}

const quantifier = /^(?:[*+?]|\{(\d{1,4})(?:(,)(\d{1,4})?)?\})\??/;
/** A backslash and what belongs to it. */
const escapes = /^\\(?:x[0-9a-f]{2}|u[0-9a-f]{4}|p\{\w+\}|[\s\S])/i;
/** Members of a class that are more than a character; what is neither is one. */
const classMember = /\[:(\^?[a-z]+):\]|\\(?:x[0-9a-f]{2}|u[0-9a-f]{4}|p\{\w+\}|[\s\S])/gi;

/** What stands for the names of classes, `[[:alpha:]]`, which JavaScript has not. */
const namedClasses: ReadonlyMap<string, string> = new Map([
  ['alnum', '0-9A-Za-z'],
  ['alpha', 'A-Za-z'],
  ['ascii', '\\x00-\\x7f'],
  ['blank', '\\t '],
  ['cntrl', '\\x00-\\x1f\\x7f'],
  ['digit', '0-9'],
  ['graph', '!-~'],
  ['lower', 'a-z'],
  ['print', ' -~'],
  ['punct', '!-\\/:-@\\[-`{-~'],
  ['space', '\\t-\\r '],
  ['upper', 'A-Z'],
  ['word', '0-9A-Za-z_'],
  ['xdigit', '0-9A-Fa-f'],
]);

function classSource(member: string, name: string | undefined): string {
  if (name === undefined) {
    if (member !== '\\b') checkEscape(member);
    return member;
  }
  const source = namedClasses.get(name);
  if (source === undefined) throw new PatternError(`'[:${name}:]' is not understood`);
  return source;
}

/**
 * A letter behind a backslash means something, and not the same in all dialects; anything else is itself. `\x{41}` and
 * `\pL` are characters elsewhere, and here they would be an x and a p.
 */
function checkEscape(written: string): void {
  const [, char] = written;
  if (/[1-9k]/.test(char)) throw new PatternError('it refers to what one of its groups matched');
  const isWhole = written.length > 2 || /[dDwWsStnrfv0]/.test(char);
  if (/[A-Za-z0]/.test(char) && !isWhole) throw new PatternError(`'\\${char}' is not understood`);
}
