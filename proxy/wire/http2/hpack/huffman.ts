/**
 * The Huffman code of RFC 7541 appendix B. It is canonical, so the length of each symbol's code tells the whole code:
 * one letter a symbol, `A` for 5 bits up to `Z` for 30; the last is the end-of-string symbol.
 */
const lengths =
  'ISXXXXXXXTZXXZXXXXXXXXZXXXXXXXXXBFFHIBDGFFDGDBBBAAABBBBBBBCDKBHFIBCCCCCCCCCCCCCCCCCCCCCCDCDIOIJBKABABABBBACCBBBABCBAABCCCCCKGJIX' +
  'PRPPRRRSRSSSSSTSTTRSTSSSSQRSRSSTRQPRRSSQSRRTQRSSQQRQSRSSPRRRSRRSVVPORSRUVVVWWVTUOQVWWVWTQQVVXWWWPTPQRQQSRRUUTTVSVWVVWWWWWXWWWWWVZ';
const endOfString = 256;

const codes = new Uint32Array(257);
const codeLengths = Uint8Array.from(lengths, (letter) => letter.charCodeAt(0) - 0x41 + 5);

/** Thrown on a coded string that no encoder may make. */
export class HuffmanError extends Error {}

/**
 * The decoder is a state machine fed by bytes. A state is an inner node of the code's tree; each transition is packed:
 * next state (9 bits), number of symbols (2 bits) and the symbols (8 bits each). -1 leads out of the code.
 */
const { transitions, accepting } = buildDecoder();

/** `accepting` marks the states that padding may end in: at most 7 bits, all ones (section 5.2). */
function buildDecoder(): { transitions: Int32Array; accepting: Uint8Array } {
  const order = Array.from({ length: 257 }, (_, symbol) => symbol).sort(
    (a, b) => codeLengths[a] - codeLengths[b] || a - b,
  );
  let code = 0;
  let previous = 0;
  for (const symbol of order) {
    code *= 2 ** (codeLengths[symbol] - previous);
    previous = codeLengths[symbol];
    codes[symbol] = code++;
  }

  // children[2 * node + bit]: an inner node, or -1 - symbol for a leaf.
  const children: number[] = [0, 0];
  for (let symbol = 0; symbol < 257; symbol++) {
    let node = 0;
    for (let bit = codeLengths[symbol] - 1; bit >= 0; bit--) {
      const at = 2 * node + ((codes[symbol] >>> bit) & 1);
      if (bit === 0) children[at] = -1 - symbol;
      else {
        if (children[at] === 0) {
          children[at] = children.length / 2;
          children.push(0, 0);
        }
        node = children[at];
      }
    }
  }

  const nodes = children.length / 2;
  const padding = new Uint8Array(nodes);
  for (let node = 0, depth = 0; depth < 8; depth++, node = children[2 * node + 1]) padding[node] = 1;
  const table = new Int32Array(nodes * 256);
  for (let start = 0; start < nodes; start++) {
    for (let byte = 0; byte < 256; byte++) {
      let node = start;
      let packed = 0;
      let count = 0;
      for (let bit = 7; bit >= 0 && node >= 0; bit--) {
        const next = children[2 * node + ((byte >>> bit) & 1)];
        if (next >= 0) node = next;
        else if (-1 - next === endOfString) node = -1;
        else {
          packed |= (-1 - next) << (11 + 8 * count++);
          node = 0;
        }
      }
      table[start * 256 + byte] = node < 0 ? -1 : packed | (count << 9) | node;
    }
  }
  return { transitions: table, accepting: padding };
}

/**
 * Decodes `bytes[start, end)` into `target` at `offset`; `target` needs room for 8/5 of the coded length.
 * Returns the offset behind the decoded bytes. Throws HuffmanError on the end-of-string symbol and on bad padding.
 */
export function decodeHuffman(
  bytes: Uint8Array,
  start: number,
  end: number,
  target: Uint8Array,
  offset: number,
): number {
  let state = 0;
  let at = offset;
  for (let i = start; i < end; i++) {
    const packed = transitions[(state << 8) | bytes[i]];
    if (packed === -1) throw new HuffmanError('end-of-string symbol inside a string');
    state = packed & 0x1ff;
    const count = (packed >>> 9) & 3;
    if (count > 0) {
      target[at++] = (packed >>> 11) & 0xff;
      if (count > 1) target[at++] = (packed >>> 19) & 0xff;
    }
  }
  if (accepting[state] !== 1) throw new HuffmanError('invalid padding');
  return at;
}

/** Bytes that `text` (latin-1) takes when coded. */
export function huffmanLength(text: string): number {
  let bits = 0;
  for (let i = 0; i < text.length; i++) bits += codeLengths[text.charCodeAt(i)];
  return (bits + 7) >>> 3;
}

/** Codes `text` (latin-1) into `target` at `offset`. Returns the offset behind it. */
export function encodeHuffman(text: string, target: Uint8Array, offset: number): number {
  let at = offset;
  let held = 0;
  let heldBits = 0;
  for (let i = 0; i < text.length; i++) {
    const symbol = text.charCodeAt(i);
    let left = codeLengths[symbol];
    const code = codes[symbol];
    while (left > 0) {
      const take = Math.min(8 - heldBits, left);
      held = (held << take) | ((code >>> (left - take)) & ((1 << take) - 1));
      heldBits += take;
      left -= take;
      if (heldBits === 8) {
        target[at++] = held;
        held = 0;
        heldBits = 0;
      }
    }
  }
  if (heldBits > 0) target[at++] = (held << (8 - heldBits)) | ((1 << (8 - heldBits)) - 1);
  return at;
}
