/** What stands at one path of an image. */
export type TarEntry =
  | { readonly kind: 'directory'; readonly mode: number }
  | { readonly kind: 'symlink'; readonly target: string }
  | {
      readonly kind: 'file';
      readonly mode: number;
      readonly content: Uint8Array;
      /** The value of the extended attribute `security.capability`. */
      readonly capabilities?: Uint8Array;
    };

const block = 512;
const typeFlags = { file: '0', symlink: '2', directory: '5', extended: 'x' } as const;

/**
 * A tar archive (POSIX.1-2001) in pieces. Equal entries give equal bytes: they are sorted by path, belong to root, and
 * date from 1970. Paths are relative, without a trailing slash.
 */
export function* tar(entries: ReadonlyMap<string, TarEntry>): Generator<Uint8Array> {
  for (const [path, entry] of [...entries].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const isFile = entry.kind === 'file';
    const name = entry.kind === 'directory' ? `${path}/` : path;
    const target = entry.kind === 'symlink' ? entry.target : '';
    const records = [
      ...(Buffer.byteLength(name) > 100 ? [record('path', name)] : []),
      ...(Buffer.byteLength(target) > 100 ? [record('linkpath', target)] : []),
      ...(isFile && entry.capabilities ? [record('SCHILY.xattr.security.capability', entry.capabilities)] : []),
    ];
    if (records.length > 0) {
      const extended = Buffer.concat(records);
      yield header('extended', 'pax', 0o644, extended.length, '');
      yield* padded(extended);
    }
    const mode = entry.kind === 'symlink' ? 0o777 : entry.mode;
    yield header(entry.kind, name, mode, isFile ? entry.content.length : 0, target);
    if (isFile) yield* padded(entry.content);
  }
  yield Buffer.alloc(2 * block);
}

function header(kind: keyof typeof typeFlags, name: string, mode: number, size: number, target: string): Buffer {
  const bytes = Buffer.alloc(block);
  const octal = (value: number, offset: number, length: number): void => {
    bytes.write(value.toString(8).padStart(length - 1, '0'), offset, 'latin1');
  };
  // A name that does not fit stands in full in the extended header before this one.
  Buffer.from(name).copy(bytes, 0, 0, 100);
  octal(mode, 100, 8);
  octal(0, 108, 8); // uid
  octal(0, 116, 8); // gid
  octal(size, 124, 12);
  octal(0, 136, 12); // modified
  bytes.fill(' ', 148, 156);
  bytes.write(typeFlags[kind], 156, 'latin1');
  Buffer.from(target).copy(bytes, 157, 0, 100);
  bytes.write('ustar\u000000', 257, 'latin1');
  const sum = bytes.reduce((total, byte) => total + byte, 0);
  bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return bytes;
}

/** `LENGTH KEY=VALUE\n`, where LENGTH counts itself. */
function record(key: string, value: string | Uint8Array): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value as Uint8Array), Buffer.from('\n')]);
  let length = rest.length + 1;
  while (`${length}`.length + rest.length !== length) length = `${length}`.length + rest.length;
  return Buffer.concat([Buffer.from(`${length}`), rest]);
}

function* padded(content: Uint8Array): Generator<Uint8Array> {
  if (content.length > 0) yield content;
  const rest = content.length % block;
  if (rest > 0) yield Buffer.alloc(block - rest);
}
