import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { readManifestFolder } from './manifest-folder.ts';

const folder = mkdtempSync(join(tmpdir(), 'tulle-manifests-'));
afterEach(() => rmSync(folder, { recursive: true }));

it('what breaks the schema of a kind of the mesh is told with its file, line and field, and is read', async () => {
  const file = join(folder, 'policy.yaml');
  const service = 'apiVersion: v1\nkind: Service\nmetadata: { name: web }\n';
  const server = 'apiVersion: policy.linkerd.io/v1beta3\nkind: Server\nmetadata: { name: web }\nspec: { port: 80 }\n';
  writeFileSync(file, `${service}---\n${server}`);
  const { objects, problems } = await readManifestFolder(folder);
  expect(objects.map(({ kind }) => kind)).toEqual(['Service', 'Server']);
  const message = 'spec must have either podSelector or externalWorkloadSelector';
  expect(problems).toEqual([{ object: `${file}:5`, field: 'document 2, Server web', message }]);
});
