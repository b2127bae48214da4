import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { type CommandRun, run } from './testing/run.ts';

const folder = mkdtempSync(join(tmpdir(), 'tulle-cli-local-'));
afterAll(() => rmSync(folder, { recursive: true }));

it('manifests without a workload are refused with what was wrong with them', async () => {
  writeFileSync(join(folder, 'app.yaml'), 'kind: [\n');
  const args = ['local', folder, '--state', join(folder, 'state')];
  const { err, error }: CommandRun = await run(args).catch((failure) => failure);
  expect(err).toMatch(/^warning: .*app\.yaml.*\n$/);
  expect(error?.message).toMatch(/has no workload to run: 0 objects were read, 1 problems found$/);
});
