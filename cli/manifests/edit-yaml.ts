import { isDeepStrictEqual } from 'node:util';
import { type Document, isMap, isSeq, type Node, type YAMLMap, type YAMLSeq } from 'yaml';
import { isMergeKey, keyText, readYaml } from '../../control-plane/sources/kubectl-yaml.ts';
import { TextLines } from './text-lines.ts';
import { blockYaml, flowYaml } from './write-yaml.ts';
import {
  colonOf,
  dashesOf,
  endOf,
  endOfPair,
  isEmpty,
  isFlow,
  type MapPair,
  NotInPlace,
  startOf,
} from './yaml-places.ts';

/**
 * The text of a document with `after` in the place of `before`, the value that was read from it. Only what differs is
 * written anew; all else, comments too, keeps its bytes. Undefined where that cannot be done, as when two places of the
 * document share one anchor and only one of them changes: then it has to be written as a whole.
 */
export function editYaml(text: string, document: Document.Parsed, before: unknown, after: unknown): string | undefined {
  const wanted = withoutUndefined(after);
  try {
    const editor = new Editor(text);
    editor.root(document.contents as Node, before, wanted);
    const edited = editor.apply();
    // Whatever the editor overlooked in the text shows here.
    return isDeepStrictEqual(readYaml(edited)?.value, wanted) ? edited : undefined;
  } catch {
    return undefined;
  }
}

/** A copy without the keys whose values are undefined, which JSON and YAML do not have. */
function withoutUndefined(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutUndefined);
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, one]) => (one === undefined ? [] : [[key, withoutUndefined(one)]])),
  );
}

interface Edit {
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

/** Where a value stands: behind a colon or a dash. */
interface Place {
  readonly node: Node | null;
  /** Behind the colon or the dash. */
  readonly from: number;
  /** Whether braces or brackets are around it. */
  readonly flow: boolean;
  /** Column of what is written below it. */
  readonly indent: number;
  readonly behind: 'colon' | 'dash';
}

class Editor {
  private readonly text: string;
  private readonly places: TextLines;
  private readonly newline: string;
  private readonly edits: Edit[] = [];

  constructor(text: string) {
    this.text = text;
    this.places = new TextLines(text);
    this.newline = text.includes('\r\n') ? '\r\n' : '\n';
  }

  root(node: Node, before: unknown, after: unknown): void {
    if (isDeepStrictEqual(before, after)) return;
    if (!isMap(node) || !isRecord(before) || !isRecord(after)) throw new NotInPlace();
    this.map(node, before, after);
  }

  apply(): string {
    const ordered = this.edits.toSorted((a, b) => a.from - b.from);
    let result = '';
    let done = 0;
    for (const { from, to, text } of ordered) {
      if (from < done) throw new NotInPlace();
      result += this.text.slice(done, from) + text;
      done = to;
    }
    return result + this.text.slice(done);
  }

  private value(place: Place, before: unknown, after: unknown): void {
    if (isDeepStrictEqual(before, after)) return;
    const { node } = place;
    const known = this.edits.length;
    try {
      if (isMap(node) && isRecord(before) && isRecord(after)) this.map(node, before, after);
      else if (isSeq(node) && Array.isArray(before) && Array.isArray(after)) this.seq(node, before, after);
      else this.replace(place, after);
      return;
    } catch (error) {
      if (!(error instanceof NotInPlace)) throw error;
      this.edits.length = known;
    }
    this.replace(place, after);
  }

  private replace({ node, from, flow, indent, behind }: Place, after: unknown): void {
    const to = isEmpty(node) ? from : Math.max(from, endOf(node));
    const isCollection = typeof after === 'object' && after !== null && Object.keys(after).length > 0;
    let text = ` ${flow ? flowYaml(after) : blockYaml(after).trimEnd()}`;
    if (!flow && isCollection) {
      const lines = this.lines(after, indent);
      text = behind === 'dash' ? ` ${lines.trimStart()}` : this.newline + lines;
    }
    // A block scalar has its line's end with it.
    this.edits.push({ from, to, text: this.text[to - 1] === '\n' && to > from ? text + this.newline : text });
  }

  private map(node: YAMLMap, before: Record<string, unknown>, after: Record<string, unknown>): void {
    const all = node.items as MapPair[];
    const merges = all.some(isMergeKey);
    const own = all.filter((pair) => !isMergeKey(pair));
    const pairs = new Map(own.map((pair) => [keyText(pair), pair]));
    const gone = Object.keys(before).filter((key) => !Object.hasOwn(after, key));
    // A key that is written twice, or merged too, would come back.
    if (gone.length > 0 && (merges || pairs.size < own.length || gone.length === all.length)) throw new NotInPlace();
    for (const key of gone) this.remove(node, all, all.indexOf(pairs.get(key)!));
    const added: [string, unknown][] = [];
    for (const [key, value] of Object.entries(after)) {
      const pair = pairs.get(key);
      if (pair === undefined) {
        if (!Object.hasOwn(before, key) || !isDeepStrictEqual(before[key], value)) added.push([key, value]);
      } else this.value(this.placeOf(node, pair), before[key], value);
    }
    if (added.length > 0) this.add(node, all, added);
  }

  private placeOf(node: YAMLMap, pair: MapPair): Place {
    return {
      node: pair.value,
      from: colonOf(pair),
      flow: isFlow(node),
      indent: this.places.column(startOf(pair.key)) + 2,
      behind: 'colon',
    };
  }

  private add(node: YAMLMap, all: readonly MapPair[], entries: readonly [string, unknown][]): void {
    const last = all.at(-1);
    if (last === undefined) throw new NotInPlace();
    if (!isFlow(node)) {
      const text = entries.map(([key, value]) => this.lines({ [key]: value }, this.places.column(startOf(all[0].key))));
      this.insertLines(this.places.end(endOfPair(last)), text);
      return;
    }
    const start = startOf(last.key);
    const lineStart = this.places.start(start);
    const lead = this.text.slice(lineStart, start);
    const separator = lead.trim() === '' && lineStart > startOf(node) ? `,${this.newline}${lead}` : ', ';
    const text = entries.map(([key, value]) => `${separator}${flowYaml(key)}: ${flowYaml(value)}`).join('');
    const from = endOfPair(last);
    // Without a value and a space behind it, Go takes the colon for a part of the key.
    const filled = isEmpty(last.value) && this.text[from - 1] === ':' ? ` null${text}` : text;
    this.edits.push({ from, to: from, text: filled });
  }

  private remove(node: YAMLMap, all: readonly MapPair[], index: number): void {
    const pair = all[index];
    if (isFlow(node)) {
      this.removeFlow(startOf(pair.key), endOfPair(pair), index === 0 ? undefined : endOfPair(all[index - 1]));
      return;
    }
    this.removeBlock(startOf(pair.key), endOfPair(pair));
  }

  private seq(node: YAMLSeq, before: readonly unknown[], after: readonly unknown[]): void {
    const items = node.items as (Node | null)[];
    if (items.length === 0 || after.length === 0) throw new NotInPlace();
    const flow = isFlow(node);
    const dashes = flow ? [] : dashesOf(node);
    if (!flow && dashes.length !== items.length) throw new NotInPlace();
    let next = 0;
    const insert = (value: unknown): void => {
      if (flow) this.insertFlow(node, items, next, value);
      else this.insertBlock(items, dashes, next, value);
    };
    const skipTo = (index: number): void => {
      for (; next < index; next++) {
        const item = items[next];
        if (flow) {
          this.removeFlow(startOf(item), endOf(item!), next === 0 ? undefined : endOf(items[next - 1]!));
        } else this.removeBlock(dashes[next], Math.max(dashes[next] + 1, item === null ? 0 : endOf(item)));
      }
    };
    const sameLength = before.length === after.length;
    for (const [index, value] of after.entries()) {
      const old = sameLength ? index : before.findIndex((one, at) => at >= next && itemKey(one) === itemKey(value));
      if (old < 0) {
        insert(value);
        continue;
      }
      skipTo(old);
      const node = items[old];
      const place = flow
        ? { node, from: startOf(node), flow, indent: 0, behind: 'dash' as const }
        : { node, from: dashes[old] + 1, flow, indent: this.places.column(dashes[old]) + 2, behind: 'dash' as const };
      this.value(place, before[old], value);
      next = old + 1;
    }
    skipTo(items.length);
  }

  private insertBlock(items: readonly (Node | null)[], dashes: readonly number[], index: number, value: unknown): void {
    const column = this.places.column(dashes[0]);
    const text = `${' '.repeat(column)}- ${this.lines(value, column + 2).trimStart()}`;
    if (index < items.length) {
      this.insertLines(this.places.aboveComments(this.places.startOf(dashes[index])), [text]);
      return;
    }
    const last = items.at(-1) ?? null;
    const end = Math.max(dashes.at(-1)! + 1, last === null ? 0 : endOf(last));
    this.insertLines(this.places.end(end), [text]);
  }

  private insertFlow(node: YAMLSeq, items: readonly (Node | null)[], index: number, value: unknown): void {
    const from = index === 0 ? startOf(node) + 1 : endOf(items[index - 1]!);
    const text = index === 0 ? `${flowYaml(value)}, ` : `, ${flowYaml(value)}`;
    this.edits.push({ from, to: from, text });
  }

  /** Whole lines, each without its end, before what stands at `at`. */
  private insertLines(at: number, lines: readonly string[]): void {
    const atEnd = at === this.text.length && !this.text.endsWith('\n');
    const text = lines.map((line) => (atEnd ? this.newline + line : line + this.newline)).join('');
    this.edits.push({ from: at, to: at, text });
  }

  private removeBlock(start: number, end: number): void {
    const lineStart = this.places.start(start);
    let to = this.places.end(end);
    if (this.text.slice(lineStart, start).trim() === '') {
      this.edits.push({ from: lineStart, to, text: '' });
      return;
    }
    // Behind a dash: what follows takes its place.
    while (/\s/.test(this.text[to] ?? '')) to++;
    this.edits.push({ from: start, to, text: '' });
  }

  private removeFlow(start: number, end: number, previousEnd: number | undefined): void {
    if (previousEnd !== undefined) {
      this.edits.push({ from: previousEnd, to: end, text: '' });
      return;
    }
    const rest = /^\s*,\s*/.exec(this.text.slice(end));
    if (rest === null) throw new NotInPlace();
    this.edits.push({ from: start, to: end + rest[0].length, text: '' });
  }

  /** Block YAML of a value, each line indented, without the last line's end. */
  private lines(value: unknown, indent: number): string {
    const lines = blockYaml(value).trimEnd().split('\n');
    return lines.map((line) => (line === '' ? line : ' '.repeat(indent) + line)).join(this.newline);
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** What an item of a list is known by from one version to the next. */
const itemKey = (item: unknown): string =>
  isRecord(item) && typeof item.name === 'string' ? `name ${item.name}` : flowYaml(item);
