import { execFileSync, spawnSync } from 'node:child_process';
import { accessSync, constants, realpathSync } from 'node:fs';
import { basename, delimiter, dirname, join } from 'node:path';
import { type Architecture, namesOf, ownArchitecture } from './architecture.ts';
import { bunProgram, nodeProgram } from './bundle.ts';

/** Where the runtime of an image comes from: this machine, or what there is of it for another architecture. */
export interface Sysroot {
  readonly architecture: Architecture;
  /** Files of the programs that come by npm. */
  readonly node: string;
  readonly bun: string;
  /** Folder of iptables' extensions. Throws where iptables is missing. */
  extensions(): string;
  /** The file of a program: `source` is a path, or a name to look for. Throws when it is not there, and says what brings it. */
  programFile(source: string): string;
  /** Files of the libraries that a program loads, and of its loader. */
  libraries(file: string): readonly string[];
  /** Where images have such a file. */
  pathOf(library: string): string;
  /** The distribution's packages that files are of, sorted; of some, there is none. */
  packagesOf(files: readonly string[]): readonly SystemPackage[];
}

/** A package of Debian. */
export interface SystemPackage {
  readonly name: string;
  readonly version: string;
}

/** Images have /bin, /sbin, /lib and /lib64 as links into /usr, whatever a machine has. */
export const inUsr = (path: string): string => (/^\/(s?bin|lib(64)?)\//.test(path) ? `/usr${path}` : path);

/** Where programs of Debian are, also for users whose PATH has no sbin. */
const searchPath = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin', '/usr/bin', '/bin'];

/** Absolute path of a program of this machine. Throws when it has none. */
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

export const thisMachine: Sysroot = {
  architecture: ownArchitecture,
  node: nodeProgram,
  bun: bunProgram,
  extensions: () => {
    programFile('xtables-nft-multi'); // says what to install where iptables is missing
    // iptables looks for them beside the libraries of the machine that it was built for.
    return join('/usr/lib', namesOf[ownArchitecture].triplet, 'xtables');
  },
  programFile,
  libraries: linked,
  pathOf: (library) => inUsr(join(realpathSync(dirname(library)), basename(library))),
  packagesOf: installedPackages,
};

function linked(file: string): string[] {
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

/** By dpkg, where this machine has it: asked once, as it reads all that it knows each time. */
function installedPackages(files: readonly string[]): SystemPackage[] {
  // It knows some files of /usr by the names that they had before, and libraries by those without a link.
  const names = files
    .flatMap((file) => [file, realpathSync(file)])
    .flatMap((path) => [path, path.replace(/^\/usr\//, '/')]);
  const { stdout } = spawnSync('dpkg-query', ['--search', ...new Set(names)], { encoding: 'utf8' });
  const owners = new Set([...(stdout ?? '').matchAll(/^([\w.+-]+(?::\w+)?): \//gm)].map(([, owner]) => owner));
  if (owners.size === 0) return [];
  const shown = execFileSync('dpkg-query', ['--show', ...owners], { encoding: 'utf8' })
    .trim()
    .split('\n');
  return byName(
    shown.map((line) => {
      const [name, version] = line.split('\t');
      return { name: name.replace(/:\w+$/, ''), version };
    }),
  );
}

export const byName = (packages: readonly SystemPackage[]): SystemPackage[] =>
  packages.toSorted((a, b) => (a.name < b.name ? -1 : 1));
