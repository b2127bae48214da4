import { expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { synthMeshYaml } from '../synth/mesh.ts';
import { run } from './testing/run.ts';

it('prints what cdk8s synth writes, byte for byte, each time', async () => {
  const first = await run(['install']);
  expect(first.out).toBe(synthMeshYaml());
  expect((await run(['install'])).out).toBe(first.out);
});

it('options reach the mesh', async () => {
  const flags = [
    '--ha',
    '--mesh-namespace',
    'mesh',
    '--no-crds',
    '--compat',
    'linkerd',
    '--network-policies',
    '--ipv6',
  ];
  const { out } = await run(['install', ...flags]);
  const objects = parseAllDocuments(out).map((document) => document.toJS());
  expect(objects.find(({ kind }) => kind === 'Namespace').metadata.name).toBe('mesh');
  expect(objects.some(({ kind }) => kind === 'CustomResourceDefinition')).toBe(false);
  expect(objects.some(({ kind }) => kind === 'PodDisruptionBudget')).toBe(true);
  expect(objects.some(({ kind }) => kind === 'NetworkPolicy')).toBe(true);
  const values = objects.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === 'tulle-config');
  expect(JSON.parse(values.data.values)).toMatchObject({ compat: 'linkerd', ipv6: true });
});

it('a value that cannot be is told with its name', async () => {
  const { error } = await run(['install', '--trust-domain', 'not a domain']).catch((failure) => failure);
  expect(error.message).toContain("'trustDomain' (not a domain)");
});

it('version tells the version of the package', async () => {
  expect((await run(['version', '--short'])).out).toBe('0.1.0\n');
});
