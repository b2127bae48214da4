import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { billOfMaterials } from '../../images/bill-of-materials.ts';
import { bundledPackages, programs } from '../../images/bundled-packages.ts';

const root = resolve(import.meta.dirname, '../..');
const file = join(root, 'docs/dependencies.md');
const [begin, end] = ['<!-- bundled -->\n', '<!-- /bundled -->\n'];

it('each package that a bundle takes in is listed in docs/dependencies.md (UPDATE_GOLDENS=1 writes the list)', () => {
  const rows = (Object.keys(programs) as (keyof typeof programs)[]).map((program) => {
    const names = [...new Set(bundledPackages(program).map(({ name }) => `\`${name}\``))];
    return `| ${program} | ${names.join(', ')} |\n`;
  });
  const page = readFileSync(file, 'utf8');
  const [before, rest] = page.split(begin);
  const wanted = `${before}${begin}| Bundle | Packages |\n|---|---|\n${rows.join('')}${end}${rest.split(end)[1]}`;
  if (process.env['UPDATE_GOLDENS'] === '1') writeFileSync(file, wanted);
  else expect(page).toBe(wanted);
});

it('the bill of materials names the runtime and each package with its version, as the lock file has it', () => {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { version?: string }>;
  };
  const { components, ...bill } = billOfMaterials('controller', '1.2.3') as {
    components: { name: string; version: string; purl: string }[];
  };
  expect(bill).toMatchObject({
    bomFormat: 'CycloneDX',
    specVersion: '1.5',
    metadata: { component: { name: 'tulle-controller', version: '1.2.3' } },
  });
  const purls = components.map(({ purl }) => purl);
  for (const name of ['node', 'pino', 'prom-client', 'yaml', 'zod']) {
    expect(purls).toContain(`pkg:npm/${name}@${lock.packages[`node_modules/${name}`].version}`);
  }
  expect(purls).toContain(`pkg:npm/%40bufbuild/protobuf@${lock.packages['node_modules/@bufbuild/protobuf'].version}`);
});
