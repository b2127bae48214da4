import type { Field } from '../../field.ts';
import { writeLatin1 } from '../../latin1.ts';
import type { OutputBuffer } from '../../output-buffer.ts';
import { staticCount, staticIndex, staticNames } from './static-table.ts';

const entryOverheadBytes = 32;
/** Our table never grows beyond this, whatever the peer allows. */
const largestTableBytes = 4096;

/**
 * Encodes the header blocks of one connection, in order. Interned fields go into the dynamic table and cost one or two
 * bytes from then on; others are literals without indexing, so that values that never come again do not push out those
 * that do; sensitive ones are never indexed (RFC 7541 section 7.1.3). Strings are written uncoded: between processes of
 * one cluster a byte is cheaper than its coding.
 */
export class HpackEncoder {
  private tableLimitBytes = largestTableBytes;
  private tableBytes = 0;
  /** The smallest limit since the last block; -1 when it has not changed. */
  private smallestLimit = -1;
  /** Number of each entry in order of insertion; index = 61 + newest - number + 1. */
  private readonly numbers = new Map<Field, number>();
  private queue: Field[] = [];
  private oldest = 0;
  private inserted = 0;

  /** The peer's SETTINGS_HEADER_TABLE_SIZE. */
  setTableLimit(bytes: number): void {
    const limit = Math.min(bytes, largestTableBytes);
    if (limit === this.tableLimitBytes) return;
    this.tableLimitBytes = limit;
    this.smallestLimit = this.smallestLimit < 0 ? limit : Math.min(this.smallestLimit, limit);
    this.evict(0);
  }

  /** Must come first in a block. */
  begin(out: OutputBuffer): void {
    const smallest = this.smallestLimit;
    if (smallest < 0) return;
    // The smallest limit since the last block has to be told, then the last (section 4.2).
    const last = this.tableLimitBytes;
    this.smallestLimit = -1;
    if (smallest < last) writeInteger(out, 0x20, 5, smallest);
    writeInteger(out, 0x20, 5, last);
  }

  field(out: OutputBuffer, field: Field): void {
    if (field.sensitive) this.literal(out, 0x10, 4, field);
    else if (!field.interned) this.literal(out, 0x00, 4, field);
    else {
      if (field.hpackStatic < 0) field.hpackStatic = staticIndex(field.name, field.value);
      if (field.hpackStatic > 0) {
        writeInteger(out, 0x80, 7, field.hpackStatic);
        return;
      }
      const number = this.numbers.get(field);
      if (number !== undefined) {
        writeInteger(out, 0x80, 7, staticCount + this.inserted - number);
        return;
      }
      const size = field.name.length + field.value.length + entryOverheadBytes;
      if (size > this.tableLimitBytes / 2) {
        this.literal(out, 0x00, 4, field);
        return;
      }
      this.literal(out, 0x40, 6, field);
      this.evict(size);
      this.tableBytes += size;
      this.numbers.set(field, this.inserted++);
      this.queue.push(field);
    }
  }

  private literal(out: OutputBuffer, pattern: number, prefixBits: number, field: Field): void {
    const nameIndex = staticNames.get(field.name) ?? 0;
    writeInteger(out, pattern, prefixBits, nameIndex);
    if (nameIndex === 0) writeString(out, field.name);
    writeString(out, field.value);
  }

  private evict(needed: number): void {
    while (this.tableBytes > 0 && this.tableBytes + needed > this.tableLimitBytes) {
      const gone = this.queue[this.oldest++];
      this.tableBytes -= gone.name.length + gone.value.length + entryOverheadBytes;
      this.numbers.delete(gone);
    }
    if (this.oldest > 512) {
      this.queue = this.queue.slice(this.oldest);
      this.oldest = 0;
    }
  }
}

function writeString(out: OutputBuffer, text: string): void {
  writeInteger(out, 0x00, 7, text.length);
  const at = out.reserve(text.length);
  out.length = writeLatin1(out.bytes, at, text);
}

function writeInteger(out: OutputBuffer, pattern: number, prefixBits: number, value: number): void {
  let at = out.reserve(6);
  const mask = (1 << prefixBits) - 1;
  if (value < mask) out.bytes[at++] = pattern | value;
  else {
    out.bytes[at++] = pattern | mask;
    let rest = value - mask;
    for (; rest >= 0x80; rest >>>= 7) out.bytes[at++] = (rest & 0x7f) | 0x80;
    out.bytes[at++] = rest;
  }
  out.length = at;
}
