import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { App, Chart, Testing } from 'cdk8s';
import { expect, it } from 'vitest';
import { Mesh } from '../../lib/index.ts';

const file = join(import.meta.dirname, '../../docs/permissions.md');
const [begin, end] = ['<!-- rules -->\n', '<!-- /rules -->\n'];
const head = '| Role | May | What | Named | Why |\n|---|---|---|---|---|\n';

interface Role {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly rules?: readonly {
    readonly apiGroups: readonly string[];
    readonly resources: readonly string[];
    readonly resourceNames?: readonly string[];
    readonly verbs: readonly string[];
  }[];
}

/** All of a rule but why it is there. */
function rules(): string[] {
  const chart = new Chart(new App(), 'tulle');
  new Mesh(chart, 'mesh', { tap: true });
  const code = (values: readonly string[]): string => values.map((value) => `\`${value}\``).join(', ');
  return (Testing.synth(chart) as Role[]).flatMap(({ kind, metadata, rules = [] }) =>
    rules.map(({ apiGroups, resources, resourceNames = [], verbs }) => {
      const what = resources.map((resource) => (apiGroups[0] === '' ? resource : `${resource}.${apiGroups[0]}`));
      return `| ${kind} \`${metadata.name}\` | ${verbs.join(', ')} | ${code(what)} | ${code(resourceNames)} |`;
    }),
  );
}

it('each rule of each role has its reason in docs/permissions.md, and each reason its rule (UPDATE_GOLDENS=1 writes the rules)', () => {
  const page = readFileSync(file, 'utf8');
  const [before, rest] = page.split(begin);
  const [table, after] = rest.split(end);
  const reasons = new Map(
    table.split('\n').flatMap((row) => {
      const found = /^(\| .+ \|) ([^|]*)\|$/.exec(row);
      return found === null ? [] : [[found[1], found[2].trim()] as const];
    }),
  );
  const wanted = rules().map((rule) => ({ rule, why: reasons.get(rule) ?? '' }));
  const text = wanted.map(({ rule, why }) => `${rule} ${why} |\n`).join('');
  if (process.env['UPDATE_GOLDENS'] === '1') writeFileSync(file, `${before}${begin}${head}${text}${end}${after}`);
  expect(wanted.filter(({ why }) => why === '').map(({ rule }) => rule)).toEqual([]);
  if (process.env['UPDATE_GOLDENS'] !== '1') expect(page).toBe(`${before}${begin}${head}${text}${end}${after}`);
});
