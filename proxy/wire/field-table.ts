import { Field } from './field.ts';
import { latin1 } from './latin1.ts';

/** Fields whose values must not be kept beyond their message, nor be indexed by HPACK (RFC 7541 section 7.1). */
const sensitiveNames = new Set(['authorization', 'proxy-authorization', 'cookie', 'set-cookie']);

const slotCount = 4096;
const nameSlotCount = 1024;
const longestValue = 256;
const longestName = 64;

interface Entry {
  hash: number;
  name: Uint8Array;
  value: Uint8Array;
  field: Field;
}

/**
 * Turns the bytes of header fields into Field objects, the same object for the same bytes.
 *
 * A pair is kept only when it is seen a second time: keeping every value would cost more than it saves as soon as one
 * header differs in each message. Both tables are direct-mapped, so they are bounded and an entry that falls out costs
 * one more string. The hash is keyed (`seed`), and secrets are never kept.
 */
export class FieldTable {
  private readonly seed: number;
  private readonly slots: (Entry | undefined)[] = new Array(slotCount).fill(undefined);
  private readonly seen = new Int32Array(slotCount);
  private readonly names: ({ bytes: Uint8Array; text: string } | undefined)[] = new Array(nameSlotCount).fill(
    undefined,
  );

  /** `seed` is a random 32-bit integer, new for each process. */
  constructor(seed: number) {
    this.seed = seed | 0;
  }

  /** The field at `bytes[nameStart, nameEnd)` and `bytes[valueStart, valueEnd)`; the name is lower-cased. */
  get(bytes: Uint8Array, nameStart: number, nameEnd: number, valueStart: number, valueEnd: number): Field {
    const nameHash = hashOf(this.seed, bytes, nameStart, nameEnd, caseBits);
    const hash = hashOf(nameHash, bytes, valueStart, valueEnd, 0);

    const slot = hash & (slotCount - 1);
    const entry = this.slots[slot];
    if (
      entry !== undefined &&
      entry.hash === hash &&
      equalsLower(entry.name, bytes, nameStart, nameEnd) &&
      equals(entry.value, bytes, valueStart, valueEnd)
    ) {
      return entry.field;
    }

    const name = this.nameOf(bytes, nameStart, nameEnd, nameHash);
    const value = latin1(bytes, valueStart, valueEnd);
    if (sensitiveNames.has(name)) return new Field(name, value, true);
    const field = new Field(name, value);
    if (this.seen[slot] === hash && valueEnd - valueStart <= longestValue && nameEnd - nameStart <= longestName) {
      field.interned = true;
      this.slots[slot] = { hash, name: encodeName(name), value: bytes.slice(valueStart, valueEnd), field };
    } else {
      this.seen[slot] = hash;
    }
    return field;
  }

  /** Whether a field is one that is kept when it comes again. */
  mayKeep({ name, value, sensitive }: Field): boolean {
    return !sensitive && value.length <= longestValue && name.length <= longestName;
  }

  /** As `get`, for a field that its sender asked never to be kept (RFC 7541 section 7.1.3). */
  secret(bytes: Uint8Array, nameStart: number, nameEnd: number, valueStart: number, valueEnd: number): Field {
    return new Field(this.name(bytes, nameStart, nameEnd), latin1(bytes, valueStart, valueEnd), true);
  }

  /** The lower-case name at `bytes[start, end)`, the same string for the same bytes while it stays in the table. */
  name(bytes: Uint8Array, start: number, end: number): string {
    return this.nameOf(bytes, start, end, hashOf(this.seed, bytes, start, end, caseBits));
  }

  private nameOf(bytes: Uint8Array, start: number, end: number, hash: number): string {
    const slot = hash & (nameSlotCount - 1);
    const known = this.names[slot];
    if (known !== undefined && equalsLower(known.bytes, bytes, start, end)) return known.text;
    const text = latin1(bytes, start, end).toLowerCase();
    if (end - start <= longestName) this.names[slot] = { bytes: encodeName(text), text };
    return text;
  }
}

/** The bit that tells upper case from lower, of four bytes: names are the same in either. */
const caseBits = 0x20202020;

/** Of the bytes or-ed with `folded`, four of them a step: each step waits for the one before it. */
function hashOf(seed: number, bytes: Uint8Array, start: number, end: number, folded: number): number {
  let hash = seed ^ (end - start);
  let at = start;
  for (const whole = end - 3; at < whole; at += 4) {
    const four = bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24) | folded;
    hash = Math.imul(hash ^ four, 0x5bd1e995);
    hash ^= hash >>> 15;
  }
  let rest = 0;
  for (; at < end; at++) rest = (rest << 8) | bytes[at];
  hash = Math.imul(hash ^ (rest | folded), 0x5bd1e995);
  return hash ^ (hash >>> 15);
}

function encodeName(name: string): Uint8Array {
  const bytes = new Uint8Array(name.length);
  for (let i = 0; i < name.length; i++) bytes[i] = name.charCodeAt(i);
  return bytes;
}

function lower(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
}

function equalsLower(known: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (known.length !== end - start) return false;
  for (let i = 0; i < known.length; i++) if (known[i] !== lower(bytes[start + i])) return false;
  return true;
}

function equals(known: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (known.length !== end - start) return false;
  for (let i = 0; i < known.length; i++) if (known[i] !== bytes[start + i]) return false;
  return true;
}
