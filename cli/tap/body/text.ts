/** Deeper than anybody writes: what writes it would be lost in it. */
const maxDepth = 64;

/** What bytes say as text; where they are none, that. */
export function asText(bytes: Uint8Array, contentType: string, isWhole: boolean): { text: string } | { note: string } {
  try {
    // Of what is cut off, the last character may be half there.
    const text = decoderOf(contentType).decode(bytes, { stream: !isWhole });
    return text.includes('\0') ? { note: 'no text' } : { text };
  } catch {
    return { note: 'no text' };
  }
}

/** The value that bytes say as JSON; where they say none, as text. */
export function asJson(bytes: Uint8Array, contentType: string): { json: unknown } | ReturnType<typeof asText> {
  const read = asText(bytes, contentType, true);
  if ('note' in read) return read;
  try {
    const json: unknown = JSON.parse(read.text, exactly as Reviver);
    return isDeeper(json, maxDepth) ? read : { json };
  } catch {
    return read;
  }
}

/** What a TextDecoder takes; it throws at others. */
type Encoding = ConstructorParameters<typeof TextDecoder>[0];
type Reviver = (this: unknown, key: string, value: unknown) => unknown;
/** ECMAScript's JSON.parse source text access, of which TypeScript has no types. */
const { rawJSON } = JSON as unknown as { rawJSON: (text: string) => object };

/** Numbers stay as they were written: of those with many digits, other ones would be shown. */
function exactly(_: string, value: unknown, { source }: { readonly source?: string }): unknown {
  return typeof value === 'number' && source !== undefined && String(value) !== source ? rawJSON(source) : value;
}

function decoderOf(contentType: string): TextDecoder {
  const charset = /;\s*charset\s*=\s*"?([\w.:-]{1,40})/i.exec(contentType)?.[1] ?? 'utf-8';
  try {
    return new TextDecoder(charset as Encoding, { fatal: true });
  } catch {
    return new TextDecoder('utf-8', { fatal: true });
  }
}

function isDeeper(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return depth === 0 || Object.values(value).some((inner) => isDeeper(inner, depth - 1));
}
