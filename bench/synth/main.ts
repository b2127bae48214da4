/**
 * Measures what the mesh adds to the synth of a large app, with all validations: beside the same Deployments of cdk8s-plus
 * alone, in turns, each in a process of its own, for a synth is one.
 */
import { spawnSync } from 'node:child_process';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { parseFlags, wholeNumber } from '../flags.ts';
import { median } from '../measure/statistics.ts';
import type { AppSize } from './app.ts';

const usage =
  'usage: npm run bench:synth -- [--deployments 1000] [--charts 10] [--routes 200] [--policies 200] [--rounds 7] [--limit-ms 2000] [--check]';
const text = (value: string) => ({ type: 'string', default: value }) as const;
const flags = parseFlags(usage, {
  ...{ deployments: text('1000'), charts: text('10'), routes: text('200'), policies: text('200') },
  ...{ rounds: text('7'), 'limit-ms': text('2000'), check: { type: 'boolean', default: false } },
});
const number = (name: 'deployments' | 'charts' | 'routes' | 'policies' | 'rounds' | 'limit-ms'): number =>
  wholeNumber(usage, name, String(flags[name]));
const size: AppSize = {
  ...{ deployments: number('deployments'), charts: number('charts') },
  ...{ routes: number('routes'), policies: number('policies') },
};
const [rounds, limitMs] = [number('rounds'), number('limit-ms')];

interface Taken {
  readonly wallMs: number;
  readonly cpuMs: number;
}

function take(kind: 'plain' | 'meshed'): Taken {
  const args = [join(import.meta.dirname, 'program.ts'), kind, JSON.stringify(size)];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`the ${kind} app does not synthesize:\n${stderr}`);
  return JSON.parse(stdout) as Taken;
}

const pairs = Array.from({ length: rounds }, (_, index) => {
  const pair = { plain: take('plain'), meshed: take('meshed') };
  const ms = (taken: Taken): string => `${taken.wallMs.toFixed(0)} ms (CPU ${taken.cpuMs.toFixed(0)})`;
  console.log(`round ${index + 1}: cdk8s-plus ${ms(pair.plain)}, meshed ${ms(pair.meshed)}`);
  return pair;
});
const added = (what: keyof Taken): number => median(pairs.map(({ plain, meshed }) => meshed[what] - plain[what]));
const of = (kind: 'plain' | 'meshed', what: keyof Taken): string =>
  median(pairs.map((pair) => pair[kind][what])).toFixed(0);

console.log(`
${size.deployments} Deployments in ${size.charts} charts, ${size.routes} routes, ${size.policies} policies; medians of ${rounds} rounds
on ${availableParallelism()} cores (${cpus()[0]?.model}), load ${loadavg()[0].toFixed(1)}

| | time | CPU |
|---|---|---|
| cdk8s-plus alone | ${of('plain', 'wallMs')} ms | ${of('plain', 'cpuMs')} ms |
| meshed | ${of('meshed', 'wallMs')} ms | ${of('meshed', 'cpuMs')} ms |
| added, round by round | ${added('wallMs').toFixed(0)} ms | ${added('cpuMs').toFixed(0)} ms |`);

if (flags.check && added('wallMs') >= limitMs) {
  console.error(`\nthe mesh adds ${added('wallMs').toFixed(0)} ms, and must add less than ${limitMs} ms`);
  process.exitCode = 1;
}
