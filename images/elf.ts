/** What a program for 64 bits, little-endian, asks of the loader (elf(5)). */
export interface Dynamic {
  /** `/lib/ld-linux-aarch64.so.1`; undefined for libraries and for programs that need no loader. */
  readonly interpreter: string | undefined;
  /** Names of libraries: `libc.so.6`. */
  readonly needed: readonly string[];
}

const segment = { load: 1, dynamic: 2, interpreter: 3 } as const;
const tag = { end: 0n, needed: 1n, strings: 5n } as const;

interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: bigint;
  readonly bytes: number;
}

/** Reads a program or library. Throws for what is no ELF file of that form. */
export function readDynamic(file: Buffer): Dynamic {
  if (file.length < 64 || file.readUInt32BE(0) !== 0x7f454c46 || file[4] !== 2 || file[5] !== 1)
    throw new Error('no ELF file for 64 bits, little-endian');
  const segments = segmentsOf(file);
  const interpreter = segments.find(({ type }) => type === segment.interpreter);
  return {
    interpreter: interpreter && textAt(file, interpreter.offset),
    needed: neededBy(file, segments),
  };
}

function segmentsOf(file: Buffer): Segment[] {
  const [start, size, count] = [Number(file.readBigUInt64LE(32)), file.readUInt16LE(54), file.readUInt16LE(56)];
  return Array.from({ length: count }, (_, i) => {
    const at = start + i * size;
    return {
      type: file.readUInt32LE(at),
      offset: Number(file.readBigUInt64LE(at + 8)),
      address: file.readBigUInt64LE(at + 16),
      bytes: Number(file.readBigUInt64LE(at + 32)),
    };
  });
}

function neededBy(file: Buffer, segments: readonly Segment[]): string[] {
  const dynamic = segments.find(({ type }) => type === segment.dynamic);
  if (dynamic === undefined) return [];
  const names: number[] = [];
  let strings: bigint | undefined;
  for (let at = dynamic.offset; at < dynamic.offset + dynamic.bytes; at += 16) {
    const [kind, value] = [file.readBigUInt64LE(at), file.readBigUInt64LE(at + 8)];
    if (kind === tag.end) break;
    if (kind === tag.needed) names.push(Number(value));
    if (kind === tag.strings) strings = value;
  }
  if (strings === undefined) return [];
  const table = offsetOf(strings, segments);
  return names.map((name) => textAt(file, table + name));
}

/** Where the file has what is loaded to an address. */
function offsetOf(address: bigint, segments: readonly Segment[]): number {
  const found = segments.find(
    ({ type, address: start, bytes }) => type === segment.load && address >= start && address < start + BigInt(bytes),
  );
  if (found === undefined) throw new Error(`no part of the file is loaded to 0x${address.toString(16)}`);
  return found.offset + Number(address - found.address);
}

const textAt = (file: Buffer, at: number): string => file.toString('latin1', at, file.indexOf(0, at));
