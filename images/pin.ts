/**
 * Writes what images of each architecture are made of, where another machine makes them, to images/inputs/*.json:
 * `node images/pin.ts` takes what apt has now, and the versions of Node and Bun that package.json has. Read the diff.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import packageJson from '../package.json' with { type: 'json' };
import { architectures, namesOf } from './architecture.ts';
import { download, packed } from './downloads.ts';
import { type Inputs, inputsFile } from './foreign-files.ts';

/** Of Debian: iptables, sleep, and the libraries that they, Node and Bun load. */
const packages = [
  ...['coreutils', 'iptables', 'libc6', 'libgcc-s1', 'libip4tc2', 'libip6tc2'],
  ...['libmnl0', 'libnftnl11', 'libstdc++6', 'libxtables12'],
];

for (const architecture of architectures) {
  const folder = mkdtempSync(join(tmpdir(), 'tulle-pin-'));
  try {
    const files = download(
      architecture,
      packages.map((name) => ({ name })),
      folder,
    );
    const { node, bun } = namesOf[architecture];
    const { devDependencies } = packageJson;
    const inputs: Inputs = {
      packages: packages.map((name) => {
        const file = files.get(name)!;
        const version = execFileSync('dpkg-deb', ['--field', file, 'Version'], { encoding: 'utf8' }).trim();
        return { name, version, sha256: createHash('sha256').update(readFileSync(file)).digest('hex') };
      }),
      npm: [
        { name: node, version: devDependencies.node },
        { name: bun, version: devDependencies.bun },
      ].map(({ name, version }) => {
        const bytes = readFileSync(packed(name, version, folder));
        return { name, version, integrity: `sha512-${createHash('sha512').update(bytes).digest('base64')}` };
      }),
    };
    const file = inputsFile(architecture);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, `${JSON.stringify(inputs, null, 2)}\n`);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
