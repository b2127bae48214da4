import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';

const root = join(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'tulle-demo-'));
let demo: { stdout: string; stderr: string; status: number | null };

beforeAll(() => {
  const args = [join(root, 'cli/main.ts'), 'demo', '--for', '8s', '--state', folder];
  demo = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8', timeout: 90_000 });
}, 100_000);
afterAll(() => rmSync(folder, { recursive: true }));

const cells = (name: string): string[] =>
  demo.stdout
    .split('\n')
    .find((line) => line.startsWith(`${name} `))
    ?.split(/\s+/) ?? [];

it('ends well', () => {
  expect(demo.stderr).not.toContain('error');
  expect(demo.status).toBe(0);
});

it.each(['web', 'emoji', 'voting'])('%s is meshed, is called, and its latency is measured', (name) => {
  const [, meshed, success, rps, p50] = cells(name);
  expect(meshed).toBe('1/1');
  expect(success).toMatch(/^\d+\.\d\d%$/);
  expect(Number.parseFloat(rps)).toBeGreaterThan(2);
  expect(p50).toMatch(/^\d+ms$/);
});

it('the failing vote shows in the success rate of voting, and of web which passes it on', () => {
  const success = (name: string) => Number.parseFloat(cells(name)[2]);
  expect(success('voting')).toBeGreaterThan(80);
  expect(success('voting')).toBeLessThan(97);
  expect(success('web')).toBeLessThan(99);
  expect(success('emoji')).toBe(100);
});

it('each gRPC method is a route: the doughnut’s alone fails', () => {
  const success = ['ListAll', 'FindByShortcode', 'Vote', 'VoteDoughnut'].map((route) => cells(route).slice(1, 3));
  expect(success).toEqual([
    ['emoji-svc', '100.00%'],
    ['emoji-svc', '100.00%'],
    ['voting-svc', '100.00%'],
    ['voting-svc', '0.00%'],
  ]);
});

it('every edge is mutual TLS, as both sidecars say', () => {
  const edges = demo.stdout.match(/^(vote-bot|web) +(web|emoji|voting) +[1-9]\d* +√$/gm) ?? [];
  expect(edges.map((line) => line.split(/\s+/).slice(0, 2))).toEqual([
    ['vote-bot', 'web'],
    ['web', 'emoji'],
    ['web', 'voting'],
  ]);
  expect(demo.stdout).toContain('every call went through two sidecars with mutual TLS');
});
