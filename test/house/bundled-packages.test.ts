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
  const bill = billOfMaterials('controller', '1.2.3', 'arm64', [{ name: 'libc6', version: '2.36-9+deb12u14' }]);
  expect(bill).toMatchObject({ spdxVersion: 'SPDX-2.3', name: 'tulle-controller-1.2.3-arm64' });
  const { packages, relationships } = bill as {
    packages: { SPDXID: string; externalRefs: { referenceLocator: string }[] }[];
    relationships: { relatedSpdxElement: string }[];
  };
  const purls = packages.map(({ externalRefs: [{ referenceLocator }] }) => referenceLocator);
  expect(purls).toContain('pkg:deb/debian/libc6@2.36-9%2Bdeb12u14?arch=arm64');
  expect(new Set(relationships.map(({ relatedSpdxElement }) => relatedSpdxElement))).toEqual(
    new Set(packages.map(({ SPDXID }) => SPDXID)),
  );
  for (const name of ['node', 'pino', 'prom-client', 'yaml', 'zod']) {
    expect(purls).toContain(`pkg:npm/${name}@${lock.packages[`node_modules/${name}`].version}`);
  }
  expect(purls).toContain(`pkg:npm/%40bufbuild/protobuf@${lock.packages['node_modules/@bufbuild/protobuf'].version}`);
});
