import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';

const tulle = join(import.meta.dirname, '../../bin/tulle');
/** As `kubectl get deploy -o yaml` prints it. */
const input = `apiVersion: v1
kind: List
items:
  - apiVersion: apps/v1
    kind: Deployment
    metadata: {name: web, namespace: shop}
    spec:
      template:
        spec:
          containers: [{name: web, image: shop/web}]
`;

it('bin/tulle inject - is a pipe: manifests in, manifests out, the report beside it', () => {
  const { stdout, stderr, status } = spawnSync(tulle, ['inject', '-'], { input, encoding: 'utf8' });
  expect(status).toBe(0);
  expect(parseAllDocuments(stdout).flatMap((document) => document.errors)).toEqual([]);
  expect(stdout).toContain('tulle.dev/inject: enabled');
  expect(stderr).toContain('annotated');
});

it('bin/tulle runs from any folder, and a closed pipe is no failure', () => {
  const { stdout, status } = spawnSync('sh', ['-c', '"$0" install | head -n 1', tulle], { cwd: '/', encoding: 'utf8' });
  expect([stdout, status]).toEqual(['apiVersion: v1\n', 0]);
});
