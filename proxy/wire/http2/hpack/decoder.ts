import { Field } from '../../field.ts';
import type { FieldTable } from '../../field-table.ts';
import { copyBytes, writeLatin1 } from '../../latin1.ts';
import { decodeHuffman, HuffmanError } from './huffman.ts';
import { staticCount, staticFields } from './static-table.ts';

/** A header block that cannot be decoded: the connection's compression state is lost with it (RFC 9113 section 4.3). */
export class HpackError extends Error {}

/** Bytes that an entry takes besides its name and value (RFC 7541 section 4.1). */
const entryOverheadBytes = 32;

/** Of a name that makes its message malformed: it must not become one in lower case. */
const upperCase = /[A-Z]/;

/** Decodes the header blocks of one connection, in order. */
export class HpackDecoder {
  private readonly fields: FieldTable;
  /** What SETTINGS_HEADER_TABLE_SIZE allows the peer. */
  private readonly maxTableBytes: number;
  private tableLimitBytes: number;
  private tableBytes = 0;
  /** Dynamic table, oldest first; entries before `oldest` are gone. */
  private entries: Field[] = [];
  private oldest = 0;
  private scratch = new Uint8Array(1024);
  private at = 0;

  constructor(fields: FieldTable, maxTableBytes = 4096) {
    this.fields = fields;
    this.maxTableBytes = maxTableBytes;
    this.tableLimitBytes = maxTableBytes;
  }

  /**
   * Appends the fields of the complete block `bytes[start, end)` to `into`. Returns false when they exceed
   * `maxListBytes` (RFC 9113 section 10.5.1): the block is decoded to its end all the same, but not kept.
   */
  decode(bytes: Uint8Array, start: number, end: number, into: Field[], maxListBytes: number): boolean {
    let listBytes = 0;
    let sawField = false;
    this.at = start;
    while (this.at < end) {
      const first = bytes[this.at];
      let field: Field;
      if (first >= 0x80) {
        field = this.indexed(this.integer(bytes, end, 7));
      } else if (first >= 0x40) {
        field = this.literal(bytes, end, 6, false);
        this.insert(field);
      } else if (first >= 0x20) {
        if (sawField) throw new HpackError('table size update behind a field');
        const size = this.integer(bytes, end, 5);
        if (size > this.maxTableBytes) throw new HpackError('table size update above the limit');
        this.tableLimitBytes = size;
        this.evict(0);
        continue;
      } else {
        field = this.literal(bytes, end, 4, first >= 0x10);
      }
      sawField = true;
      listBytes += field.name.length + field.value.length + entryOverheadBytes;
      if (listBytes <= maxListBytes) into.push(field);
    }
    return listBytes <= maxListBytes;
  }

  private entry(index: number): Field {
    if (index === 0) throw new HpackError('index 0');
    if (index <= staticCount) return staticFields[index - 1];
    const position = this.entries.length - (index - staticCount);
    if (position < this.oldest) throw new HpackError('index beyond the table');
    return this.entries[position];
  }

  /**
   * A field that comes again. One of the dynamic table that nobody keeps becomes the one that all connections have, so that
   * it is checked once, and indexed where it goes on: else it would stay what it was at first, as long as the connection is.
   */
  private indexed(index: number): Field {
    const field = this.entry(index);
    const { name, value } = field;
    if (field.interned || !this.fields.mayKeep(field) || upperCase.test(name)) return field;
    const nameEnd = name.length;
    this.room(nameEnd + value.length);
    const valueEnd = writeLatin1(this.scratch, writeLatin1(this.scratch, 0, name), value);
    const kept = this.fields.get(this.scratch, 0, nameEnd, nameEnd, valueEnd);
    this.entries[this.entries.length - (index - staticCount)] = kept;
    return kept;
  }

  private literal(bytes: Uint8Array, end: number, prefixBits: number, neverIndexed: boolean): Field {
    const index = this.integer(bytes, end, prefixBits);
    let nameEnd: number;
    if (index === 0) nameEnd = this.string(bytes, end, 0);
    else {
      const { name } = this.entry(index);
      nameEnd = name.length;
      this.room(nameEnd);
      writeLatin1(this.scratch, 0, name);
    }
    if (index === 0) {
      for (let i = 0; i < nameEnd; i++) {
        if (this.scratch[i] >= 0x41 && this.scratch[i] <= 0x5a) return this.invalidName(bytes, end, nameEnd);
      }
    }
    const valueEnd = this.string(bytes, end, nameEnd);
    return neverIndexed
      ? this.fields.secret(this.scratch, 0, nameEnd, nameEnd, valueEnd)
      : this.fields.get(this.scratch, 0, nameEnd, nameEnd, valueEnd);
  }

  /** A name in upper case makes its message malformed, not the block: it must reach the check as it is. */
  private invalidName(bytes: Uint8Array, end: number, nameEnd: number): Field {
    const name = Buffer.from(this.scratch.subarray(0, nameEnd)).toString('latin1');
    this.string(bytes, end, nameEnd);
    return new Field(name, '');
  }

  private string(bytes: Uint8Array, end: number, offset: number): number {
    if (this.at >= end) throw new HpackError('block ends inside a field');
    const coded = bytes[this.at] >= 0x80;
    const length = this.integer(bytes, end, 7);
    const start = this.at;
    if (length > end - start) throw new HpackError('string longer than its block');
    this.at = start + length;
    if (!coded) {
      this.room(offset + length);
      return copyBytes(bytes, start, start + length, this.scratch, offset);
    }
    this.room(offset + Math.ceil((length * 8) / 5) + 2);
    try {
      return decodeHuffman(bytes, start, start + length, this.scratch, offset);
    } catch (error) {
      if (error instanceof HuffmanError) throw new HpackError(error.message);
      throw error;
    }
  }

  private integer(bytes: Uint8Array, end: number, prefixBits: number): number {
    const mask = (1 << prefixBits) - 1;
    let value = bytes[this.at++] & mask;
    if (value < mask) return value;
    for (let shift = 0; ; shift += 7) {
      if (this.at >= end) throw new HpackError('block ends inside an integer');
      if (shift > 21) throw new HpackError('integer too large');
      const byte = bytes[this.at++];
      value += (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  }

  private insert(field: Field): void {
    const size = field.name.length + field.value.length + entryOverheadBytes;
    this.evict(size);
    if (size > this.tableLimitBytes) return;
    this.tableBytes += size;
    this.entries.push(field);
  }

  /** Makes room for `needed` bytes; an entry larger than the table empties it (RFC 7541 section 4.4). */
  private evict(needed: number): void {
    while (this.tableBytes > 0 && this.tableBytes + needed > this.tableLimitBytes) {
      const gone = this.entries[this.oldest++];
      this.tableBytes -= gone.name.length + gone.value.length + entryOverheadBytes;
    }
    if (this.oldest > 512) {
      this.entries = this.entries.slice(this.oldest);
      this.oldest = 0;
    }
  }

  private room(bytes: number): void {
    if (bytes <= this.scratch.length) return;
    const grown = new Uint8Array(Math.max(bytes, this.scratch.length * 2));
    grown.set(this.scratch);
    this.scratch = grown;
  }
}
