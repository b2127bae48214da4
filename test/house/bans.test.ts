import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
const folder = mkdtempSync(join(realpathSync(tmpdir()), 'tulle-bans-'));
afterAll(() => rmSync(folder, { recursive: true }));

const banned: readonly [line: string, owner: string][] = [
  ['export const timer = setTimeout(() => {}, 1);', 'proxy/clock.ts'],
  ['export const interval = setInterval(() => {}, 1);', 'proxy/clock.ts'],
  ['export const global = globalThis.setTimeout(() => {}, 1);', 'proxy/clock.ts'],
  ["export { setTimeout } from 'node:timers/promises';", 'proxy/clock.ts'],
  ['export const nowMs = Date.now();', 'proxy/clock.ts'],
  ['export const clock = { nowMs: Date.now };', 'proxy/clock.ts'],
  ['export const startMs = performance.now();', 'proxy/clock.ts'],
  ['export const chance = Math.random();', 'proxy/clock.ts'],
  ["export const home = process.env['HOME'];", 'proxy/main.ts'],
];

/** Lines of the files of a tree like ours that the lint refuses, by file. */
function refused(files: Readonly<Record<string, readonly string[]>>): Record<string, string[]> {
  for (const path of ['biome.json', 'build/bans.grit']) cpSync(join(root, path), join(folder, path));
  for (const [path, lines] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), lines.map((line) => `${line}\n`).join(''));
  }
  const { stdout, stderr } = spawnSync(
    join(root, 'node_modules/.bin/biome'),
    ['lint', '--reporter=github', '--max-diagnostics=none', '.'],
    { cwd: folder, encoding: 'utf8' },
  );
  const found = Object.fromEntries(Object.keys(files).map((path) => [path, new Set<number>()]));
  for (const [, path, line] of `${stdout}${stderr}`.matchAll(/file=([^,]+),line=(\d+)/g))
    found[relative(folder, path)]?.add(Number(line));
  return Object.fromEntries(
    Object.entries(files).map(([path, lines]) => [path, lines.filter((_, i) => found[path].has(i + 1))]),
  );
}

describe('time, chance and environment have one owner each in the proxy, and none in what is synthesized', () => {
  const lines = banned.map(([line]) => line);
  const ownedBy = (file: string): string[] => banned.filter(([, owner]) => owner === file).map(([line]) => line);
  const files = [
    'proxy/outbound/some.ts',
    'proxy/outbound/some.test.ts',
    'proxy/clock.ts',
    'proxy/main.ts',
    'lib/some.ts',
    'cli/some.ts',
  ];

  it('the lint refuses each elsewhere, and takes it there and in tests', () => {
    const found = refused(Object.fromEntries(files.map((file) => [file, lines])));
    expect(found['proxy/outbound/some.ts']).toEqual(lines);
    expect(found['lib/some.ts']).toEqual(lines);
    expect(found['proxy/clock.ts']).toEqual(ownedBy('proxy/main.ts'));
    expect(found['proxy/main.ts']).toEqual(ownedBy('proxy/clock.ts'));
    expect(found['proxy/outbound/some.test.ts']).toEqual([]);
    expect(found['cli/some.ts']).toEqual([]);
  });
});
