import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Sysroot, type SystemPackage, thisMachine } from './sysroot.ts';
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

/** Files of an image, put together from those of a machine. Paths are absolute. */
export class Layer {
  private readonly sysroot: Sysroot;
  private readonly entries = new Map<string, TarEntry>();
  private readonly ofSystem = new Set<string>();

  constructor(sysroot: Sysroot = thisMachine) {
    this.sysroot = sysroot;
  }

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

  /** A program and the libraries it loads. `source` is a path, or a name to look for. */
  program(path: string, source: string, options: FileOptions = {}): this {
    const file = this.sysroot.programFile(source);
    this.ofSystem.add(file);
    this.copy(path, file, { mode: 0o755, ...options });
    for (const library of this.sysroot.libraries(file)) this.library(library);
    return this;
  }

  /** A file that programs load, at the path where they look for it. */
  library(path: string): this {
    this.ofSystem.add(path);
    return this.copy(this.sysroot.pathOf(path), path, { mode: 0o755 });
  }

  /** The packages of the distribution that its programs and libraries are of, sorted. */
  systemPackages(): readonly SystemPackage[] {
    return this.ofSystem.size === 0 ? [] : this.sysroot.packagesOf([...this.ofSystem]);
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
