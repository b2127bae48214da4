import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { afterAll, describe, expect, it } from 'vitest';
import { exitCodeOf } from './exit-codes.ts';
import { registry } from './registry.ts';
import { type CommandRun, run } from './testing/run.ts';
import { wholeTulle } from './tulle.ts';

const folder = mkdtempSync(join(tmpdir(), 'tulle-usage-'));
afterAll(() => rmSync(folder, { recursive: true }));
writeFileSync(join(folder, 'app.yaml'), 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a }\n');

const silent = {
  input: async () => Buffer.alloc(0),
  out: () => {},
  err: () => {},
  cwd: folder,
  environment: {},
  onStop: () => {},
};
/** Every command by what is typed to call it, those below others too. */
async function commands(): Promise<[line: string, command: Command][]> {
  const below = (command: Command, line: string): [string, Command][] =>
    command.commands.length === 0
      ? [[line, command]]
      : command.commands.flatMap((each) => below(each, `${line} ${each.name()}`));
  const whole = await wholeTulle(silent);
  return whole.commands.flatMap((command) => below(command, command.name()));
}
const all = await commands();
const fails = async (line: string): Promise<CommandRun & { readonly code: number }> => {
  const failed: CommandRun = await run(line.split(' '), { cwd: folder }).then(
    () => Promise.reject(new Error(`tulle ${line} did not fail`)),
    (failure: CommandRun) => failure,
  );
  return { ...failed, code: exitCodeOf(failed.error) };
};

describe('what cannot be meant ends with 64', () => {
  it.each(all.map(([line]) => line))('tulle %s with an option that there is not', async (line) => {
    const { code, err } = await fails(`${line} --no-such-option`);
    expect([code, err]).toEqual([
      64,
      expect.stringMatching(/unknown option '--no-such-option'|missing required argument|required option/),
    ]);
  });

  const takesAll = (command: Command): boolean => command.registeredArguments.some(({ variadic }) => variadic);
  it.each(all.filter(([, command]) => !takesAll(command)).map(([line, command]) => [line, command] as const))(
    'tulle %s with more than it takes',
    async (line, command) => {
      const required = command.options.filter(({ mandatory }) => mandatory).map(({ long }) => `${long} a/b`);
      const given = [...required, ...command.registeredArguments.map(() => 'bash'), 'more'].join(' ');
      const { code, err } = await fails(`${line} ${given}`);
      expect([code, err]).toEqual([64, expect.stringContaining('too many arguments')]);
    },
  );

  it.each(
    all
      .filter(([, command]) => command.registeredArguments.some(({ required }) => required))
      .map(([line, command]) => [line, command.registeredArguments.find(({ required }) => required)?.name()] as const),
  )('tulle %s without its %s', async (line, name) => {
    const { code, err } = await fails(line);
    expect([code, err]).toEqual([64, expect.stringContaining(`missing required argument '${name}'`)]);
  });

  const withChoices = all.flatMap(([line, command]) =>
    command.options
      .filter(({ argChoices }) => argChoices !== undefined)
      .map((option) => [
        `${line} ${command.registeredArguments.map(() => 'bash').join(' ')} ${option.long}`.replace(/ +/g, ' '),
      ]),
  );
  it.each(withChoices)('tulle %s with a value that there is not', async (line) => {
    const { code, err } = await fails(`${line} nothing-of-it`);
    expect([code, err]).toEqual([64, expect.stringContaining('Allowed choices are')]);
  });

  const state = '--state /nowhere';
  it.each([
    ['nothing-of-it', "unknown command 'nothing-of-it'"],
    ['help nothing-of-it', "unknown command 'nothing-of-it'"],
    ['diagnostics nothing-of-it', "unknown command 'nothing-of-it'"],
    [`stat house ${state}`, "'house' must be a kind of resource"],
    [`edges deploy/web deploy/db ${state}`, 'one resource at a time'],
    [`stat deploy/web api ${state}`, "'deploy/web api' must be kind/name each"],
    [`stat deploy httproute/a ${state}`, 'must be kind/name each'],
    [`stat httproute a b ${state}`, 'one kind of route at a time'],
    [`stat deploy,house ${state}`, "'house' must be a kind of resource"],
    [`stat all web ${state}`, "'all' must be a kind of resource"],
    [`stat deploy,svc --to po/a ${state}`, '--to (po/a) must not be given with Services'],
    [`stat deploy -t soon ${state}`, '--time-window (soon) must be a duration'],
    [`stat deploy --to po/a --from po/b ${state}`, '--to (po/a) must not be given with --from (po/b)'],
    [`stat deploy --to-namespace a --from po/b ${state}`, '--to-namespace (a) must not be given with --from (po/b)'],
    [`stat svc --to-namespace a ${state}`, '--to-namespace (a) must not be given with Services'],
    [`edges house ${state}`, "'house' must be a kind of resource"],
    [`edges deploy -t 0s ${state}`, '--time-window (0s) must be a duration'],
    [`authz deploy/web -t 5 ${state}`, '--time-window (5) must be a duration'],
    [`identity house/a ${state}`, "'house' must be a kind of resource"],
    [`identity web-1 -w soon ${state}`, '--wait (soon) must be a duration'],
    [`tap ns ${state}`, "'ns' must have a name"],
    [`tap deploy/web --max-rps none ${state}`, '--max-rps (none) must be a number'],
    [`top deploy/web --status 700 ${state}`, '--status (700) must be a status'],
    [`tap deploy/web --for ever ${state}`, '--for (ever) must be a duration'],
    [`tap deploy/web --for 30d ${state}`, '--for (30d) must be a duration up to 24d'],
    [`stat deploy -t 1000000h ${state}`, '--time-window (1000000h) must be a duration up to 24d'],
    ['check --wait 25d', '--wait (25d) must be a duration up to 24d'],
    ['diagnostics proxy-metrics house', "'house' must be a kind of resource"],
    ['install --opaque-ports x', '--opaque-ports (x) must be ports'],
    ['install --trust-domain not_a.domain! --ignore-cluster', "'trustDomain'"],
    ['inject --set nothing app.yaml', '--set (nothing) must be a setting and its value'],
    ['inject --mesh app.yaml --manual app.yaml', '--mesh (app.yaml) has no ConfigMap'],
    ['explain --manifests . orders', "'to' (orders) must be a URL"],
    ['compare --fail-on all a b', '--fail-on (all) must be among'],
    ['local nowhere', 'nowhere: there is no such folder: name one of manifests'],
    ['profile orders', 'give one of --template'],
    ['migrate --linkerd-namespace A', '--linkerd-namespace (A) must be the name'],
  ])('tulle %s', async (line, message) => {
    const { code, err, error } = await fails(line);
    expect(`${err}${error?.message}`).toContain(message);
    expect(code).toBe(64);
  });
});

it('what prints a table and JSON prints YAML too', () => {
  const formats = all.flatMap(([line, command]) =>
    command.options.flatMap(({ long, argChoices = [] }) => (long === '--output' ? [[line, argChoices] as const] : [])),
  );
  expect(formats.length).toBeGreaterThan(10);
  for (const [line, choices] of formats) {
    if (choices.includes('table') && choices.includes('json'))
      expect([line, choices]).toContainEqual(expect.arrayContaining(['yaml']));
  }
});

it('help that was asked for is no failure, of any command, and shows an example or what it is for', async () => {
  for (const { name } of registry) {
    const { code, out } = await fails(`${name} --help`);
    expect([name, code]).toEqual([name, 0]);
    expect(out).toContain('Usage: tulle');
  }
});

it('what fails otherwise ends with 1, and what is our own mistake with 70', () => {
  expect(exitCodeOf(new TypeError('x'))).toBe(70);
});
