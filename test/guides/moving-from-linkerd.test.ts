import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { run } from '../../cli/testing/run.ts';

/** docs/guides/moving-from-linkerd.md: what is saved, what is typed, and what is shown. */
const guide = readFileSync(resolve(import.meta.dirname, '../../docs/guides/moving-from-linkerd.md'), 'utf8');
const work = mkdtempSync(join(tmpdir(), 'tulle-moving-guide-'));
afterAll(() => rmSync(work, { recursive: true }));

for (const [, name, text] of guide.matchAll(/^```yaml (\S+)\n([\s\S]*?)^```$/gm)) writeFileSync(join(work, name), text);
const [write, order] = [...guide.matchAll(/^bin\/tulle (.+)$/gm)].map(([, line]) => line.split(' '));

it('the app that it shows is the one that the command writes', async () => {
  const [, shown] = /^```ts\n([\s\S]*?)^```$/m.exec(guide) ?? [];
  expect((await run(write, { cwd: work })).out).toBe(shown);
});

it('the steps are in the order that it tells, with the namespace that moves', async () => {
  const { out } = await run(order, { cwd: work });
  const places = [
    'name: "tulle-identity-issuer"',
    'kubectl apply -f dist/tulle.k8s.yaml',
    'kubectl annotate namespace shop linkerd.io/inject=disabled',
    'helm uninstall -n linkerd linkerd-control-plane',
  ].map((text) => out.indexOf(text));
  expect(places).not.toContain(-1);
  expect(places).toEqual([...places].sort((a, b) => a - b));
});
