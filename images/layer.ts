import { execFileSync } from 'node:child_process';
import { accessSync, constants, readFileSync, realpathSync } from 'node:fs';
import { basename, delimiter, dirname, join } from 'node:path';
import { type TarEntry, tar } from './tar.ts';

/** Linux capabilities by their number (capabilities(7)). */
export const capability = { netAdmin: 12, netRaw: 13 } as const;

export interface FileOptions {
  /** @default 0o644, and 0o755 for programs */
  readonly mode?: number;
  /**
   * Capabilities that a process running this file may have, if its container has them. `effective` ones are in force from
   * the start, but then the file cannot be run at all where the container lacks one.
   */
  readonly capabilities?: { readonly permitted: readonly number[]; readonly effective: boolean };
}

/** Where programs of Debian are, also for users whose PATH has no sbin. */
const searchPath = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin', '/usr/bin', '/bin'];

/** Files of an image, put together from those of this machine. Paths are absolute. */
export class Layer {
  private readonly entries = new Map<string, TarEntry>();

  text(path: string, content: string, options: FileOptions = {}): this {
    return this.file(path, Buffer.from(content), options);
  }

  directory(path: string, mode = 0o755): this {
    return this.add(path, { kind: 'directory', mode });
  }

  symlink(path: string, target: string): this {
    return this.add(path, { kind: 'symlink', target });
  }

  copy(path: string, source: string, options: FileOptions = {}): this {
    return this.file(path, readFileSync(source), options);
  }

  /** A program and the libraries it loads. `source` is a path, or a name to look for on the PATH. */
  program(path: string, source: string, options: FileOptions = {}): this {
    const file = programFile(source);
    this.copy(path, file, { mode: 0o755, ...options });
    for (const library of libraries(file)) this.library(library);
    return this;
  }

  /** A file that programs load, at the path where they look for it. */
  library(path: string): this {
    return this.copy(inUsr(join(realpathSync(dirname(path)), basename(path))), path, { mode: 0o755 });
  }

  /** The layer as a tar archive, in pieces; the same bytes for the same files. */
  tar(): Generator<Uint8Array> {
    return tar(this.entries);
  }

  private file(path: string, content: Uint8Array, { mode = 0o644, capabilities }: FileOptions): this {
    return this.add(path, { kind: 'file', mode, content, ...(capabilities && { capabilities: encode(capabilities) }) });
  }

  private add(path: string, entry: TarEntry): this {
    const relative = path.replace(/^\//, '');
    const folder = dirname(relative);
    if (folder !== '.' && !this.entries.has(folder)) this.directory(folder);
    this.entries.set(relative, entry);
    return this;
  }
}

/** Absolute path of a program. Throws when it is not on this machine. */
export function programFile(name: string): string {
  const candidates = name.includes('/') ? [name] : searchPath.map((folder) => join(folder, name));
  for (const candidate of candidates) {
    try {
      accessSync(candidate, constants.X_OK);
      return realpathSync(candidate);
    } catch {
      // The next folder of the path may have it.
    }
  }
  throw new Error(`${name} is not on this machine: on Debian, test/cluster/packages.sh installs what the images need`);
}

function libraries(file: string): string[] {
  let output: string;
  try {
    output = execFileSync('ldd', [file], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: string; stderr?: string };
    if (/not a dynamic executable/.test(`${stdout}${stderr}`)) return [];
    throw error;
  }
  const missing = /^\s*(\S+) => not found/m.exec(output);
  if (missing) throw new Error(`${file} needs ${missing[1]}, which is not on this machine`);
  return [...output.matchAll(/^\s*(?:\S+ => )?(\/\S+) \(0x/gm)].map((match) => match[1]);
}

/** Images have /bin, /sbin, /lib and /lib64 as links into /usr, whatever this machine has. */
const inUsr = (path: string): string => (/^\/(s?bin|lib(64)?)\//.test(path) ? `/usr${path}` : path);

/** `struct vfs_cap_data`, revision 2 (linux/capability.h). */
function encode({ permitted, effective }: NonNullable<FileOptions['capabilities']>): Buffer {
  const bytes = Buffer.alloc(20);
  bytes.writeUInt32LE(0x0200_0000 | (effective ? 1 : 0), 0);
  bytes.writeUInt32LE(
    permitted.reduce((bits, number) => bits | (1 << number), 0),
    4,
  );
  return bytes;
}
