import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { synthMesh, synthMeshYaml } from './mesh.ts';

const root = resolve(import.meta.dirname, '..');

/** Runs the app as `cdk8s synth` does: a process of its own that is told where to write. */
function runApp() {
  const outdir = mkdtempSync(join(tmpdir(), 'tulle-synth-'));
  const { status, stderr } = spawnSync(process.execPath, ['synth/main.ts'], {
    cwd: root,
    env: { ...process.env, CDK8S_OUTDIR: outdir },
    encoding: 'utf8',
  });
  expect(stderr).toBe('');
  expect(status).toBe(0);
  const result = { files: readdirSync(outdir), text: readFileSync(join(outdir, 'tulle.k8s.yaml'), 'utf8') };
  rmSync(outdir, { recursive: true });
  return result;
}

it('cdk8s synth writes one file, the same bytes in every run', () => {
  const first = runApp();
  expect(first.files).toEqual(['tulle.k8s.yaml']);
  expect(runApp()).toEqual(first);
  expect(first.text).toMatchSnapshot();
});

it('gives the command line the same objects and the same text as the file', () => {
  const { text } = runApp();
  expect(synthMeshYaml()).toBe(text);
  expect(parseAllDocuments(text).map((document) => document.toJS())).toEqual(synthMesh());
});

it('puts the namespace first and the kinds before what may use them', () => {
  const kinds = synthMesh().map(({ kind }) => kind);
  expect(kinds[0]).toBe('Namespace');
  expect(kinds.lastIndexOf('CustomResourceDefinition')).toBeLessThan(kinds.indexOf('Deployment'));
});
