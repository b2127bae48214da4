import { isMap, isScalar, isSeq, type Node, type Pair, type YAMLMap, type YAMLSeq } from 'yaml';

/** Where the parts of a document stand in its text. The document was read with its source tokens. */

/** Something that cannot be changed where it stands; what holds it is written anew. */
export class NotInPlace extends Error {}

export type MapPair = Pair<Node, Node | null>;

export const isFlow = (node: YAMLMap | YAMLSeq): boolean => node.flow === true;

export function startOf(node: Node | null): number {
  if (node?.range == null) throw new NotInPlace();
  return node.range[0];
}

/** Where the text of a value ends: not the comments and empty lines behind it, which the library counts in. */
export function endOf(node: Node): number {
  if ((isMap(node) || isSeq(node)) && !isFlow(node) && node.items.length > 0) {
    const last = node.items.at(-1);
    if (isMap(node)) return endOfPair(last as MapPair);
    const dash = dashesOf(node as YAMLSeq).at(-1) ?? startOf(node);
    return Math.max(dash + 1, last === null ? 0 : endOf(last as Node));
  }
  if (node.range == null) throw new NotInPlace();
  return node.range[1];
}

export function endOfPair(pair: MapPair): number {
  const bare = colonOf(pair);
  const { value } = pair;
  return isEmpty(value) ? bare : Math.max(bare, endOf(value));
}

interface SourceToken {
  readonly type: string;
  readonly offset: number;
}

/** True where nothing is written for a value. */
export const isEmpty = (node: Node | null): node is null =>
  node === null || (isScalar(node) && node.range?.[0] === node.range?.[1]);

/** Behind the colon of a pair, or behind its key where it has none. */
export function colonOf(pair: MapPair): number {
  const { sep = [] } = (pair as { srcToken?: { sep?: SourceToken[] } }).srcToken ?? {};
  const colon = sep.find(({ type }) => type === 'map-value-ind');
  return colon === undefined ? endOf(pair.key) : colon.offset + 1;
}

/** Offsets of the dashes of a block list. */
export function dashesOf(node: YAMLSeq): number[] {
  const items = ((node as { srcToken?: { items?: { start: SourceToken[] }[] } }).srcToken?.items ?? []).map(
    ({ start }) => start.find(({ type }) => type === 'seq-item-ind')?.offset,
  );
  return items.filter((offset): offset is number => offset !== undefined);
}
