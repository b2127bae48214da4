import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Architecture } from './architecture.ts';

/** A package that is wanted; of no version, the newest. */
export interface Wanted {
  readonly name: string;
  readonly version?: string;
}

/**
 * Debian packages of an architecture, by apt, from the sources of this machine and checked by its keys; nothing of this
 * machine's own packages or lists is touched. Returns their files in `folder`. Throws when one is not to be had.
 */
export function download(
  architecture: Architecture,
  wanted: readonly Wanted[],
  folder: string,
): ReadonlyMap<string, string> {
  for (const name of ['state/lists/partial', 'cache/archives/partial', 'debian'])
    mkdirSync(join(folder, name), { recursive: true });
  const status = join(folder, 'state/status');
  writeFileSync(status, '');
  const options = {
    'Dir::State': join(folder, 'state'),
    'Dir::State::status': status,
    'Dir::Cache': join(folder, 'cache'),
    'APT::Architecture': architecture,
    'APT::Architectures': architecture,
    'Acquire::Languages': 'none',
    'APT::Sandbox::User': '', // it could not write here
  };
  const settings = Object.entries(options).flatMap(([name, value]) => ['--option', `${name}=${value}`]);
  const into = join(folder, 'debian');
  const apt = (...args: string[]): void => {
    execFileSync('apt-get', ['--quiet=2', ...settings, ...args], { cwd: into, stdio: ['ignore', 'ignore', 'inherit'] });
  };
  apt('update');
  try {
    apt('download', ...wanted.map(({ name, version }) => (version === undefined ? name : `${name}=${version}`)));
  } catch (error) {
    throw new Error(
      `a package for ${architecture} is not to be had (see above): where Debian has a newer version, ` +
        '`node images/pin.ts` writes the list anew',
      { cause: error },
    );
  }
  const files = readdirSync(into);
  return new Map(wanted.map(({ name }) => [name, join(into, files.find((file) => file.startsWith(`${name}_`))!)]));
}

/** A package of npm, as a file in `folder`. */
export function packed(name: string, version: string, folder: string): string {
  const args = ['pack', '--silent', '--pack-destination', folder, `${name}@${version}`];
  const lines = execFileSync('npm', args, { cwd: folder, encoding: 'utf8' }).trim().split('\n');
  return join(folder, lines[lines.length - 1]);
}
