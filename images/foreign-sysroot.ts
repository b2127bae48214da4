import { existsSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { type Architecture, namesOf } from './architecture.ts';
import { readDynamic } from './elf.ts';
import { byName, inUsr, type Sysroot, type SystemPackage } from './sysroot.ts';

export interface ForeignFiles {
  readonly architecture: Architecture;
  /** Has a folder for each of `packages`, by its name, with the files of it. */
  readonly folder: string;
  readonly packages: readonly SystemPackage[];
  readonly node: string;
  readonly bun: string;
}

/** The files of another architecture, unpacked. Nothing of them is run. */
export class ForeignSysroot implements Sysroot {
  readonly architecture: Architecture;
  readonly node: string;
  readonly bun: string;
  private readonly files: ForeignFiles;

  constructor(files: ForeignFiles) {
    this.files = files;
    this.architecture = files.architecture;
    this.node = files.node;
    this.bun = files.bun;
  }

  extensions(): string {
    return this.find([join('usr/lib', namesOf[this.architecture].triplet, 'xtables')]);
  }

  programFile(source: string): string {
    if (source.includes('/')) return source;
    return this.find(['usr/sbin', 'usr/bin', 'sbin', 'bin'].map((folder) => join(folder, source)));
  }

  libraries(file: string): readonly string[] {
    const { triplet } = namesOf[this.architecture];
    const found = new Set<string>();
    const look = (program: string): void => {
      const { interpreter, needed } = readDynamic(readFileSync(program));
      const named = needed.map((name) =>
        ['lib', 'usr/lib'].flatMap((folder) => [join(folder, triplet, name), join(folder, name)]),
      );
      const loader = interpreter === undefined ? [] : [[interpreter.slice(1), join('usr', interpreter)]];
      for (const candidates of [...loader, ...named]) {
        const library = this.find(candidates);
        if (found.has(library)) continue;
        found.add(library);
        look(library);
      }
    };
    look(file);
    return [...found];
  }

  pathOf(library: string): string {
    const [, ...path] = relative(this.files.folder, library).split('/');
    return inUsr(`/${path.join('/')}`);
  }

  packagesOf(files: readonly string[]): readonly SystemPackage[] {
    const names = new Set(files.map((file) => relative(this.files.folder, file).split('/')[0]));
    return byName(this.files.packages.filter(({ name }) => names.has(name)));
  }

  /** The first of some paths that is in a package. */
  private find(paths: readonly string[]): string {
    const { folder, packages } = this.files;
    for (const path of paths) {
      const owner = packages.find(({ name }) => existsSync(join(folder, name, path)));
      if (owner !== undefined) return join(folder, owner.name, path);
    }
    throw new Error(
      `no package of images/inputs/${this.architecture}.json has ${paths[0]}: name one that has in images/pin.ts, and run it`,
    );
  }
}
