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
    '--data-plane',
    'cr.l5d.io/linkerd/proxy:edge-26.11.1',
  ];
  const { out } = await run(['install', ...flags]);
  const objects = parseAllDocuments(out).map((document) => document.toJS());
  expect(objects.find(({ kind }) => kind === 'Namespace').metadata.name).toBe('mesh');
  expect(objects.some(({ kind }) => kind === 'CustomResourceDefinition')).toBe(false);
  expect(objects.some(({ kind }) => kind === 'PodDisruptionBudget')).toBe(true);
  expect(objects.some(({ kind }) => kind === 'NetworkPolicy')).toBe(true);
  const values = objects.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === 'tulle-config');
  expect(JSON.parse(values.data.values)).toMatchObject({
    ...{ compat: 'linkerd', ipv6: true, linkerd2: { image: 'tulle-proxy', version: '0.1.0' } },
    defaults: { image: 'cr.l5d.io/linkerd/proxy', version: 'edge-26.11.1' },
  });
});

it('a value that cannot be is told with its name', async () => {
  const { error } = await run(['install', '--trust-domain', 'not a domain']).catch((failure) => failure);
  expect(error.message).toContain("'trustDomain' (not a domain)");
});

it('version tells the version of the package', async () => {
  expect((await run(['version', '--short'])).out).toBe('0.1.0\n');
});

it('all options with a wrong value are told at once, each with what it must be', async () => {
  const wrong = [
    '--opaque-ports',
    '4100-4000',
    '--cluster-networks',
    '10.0.0.0',
    '--issuance-lifetime',
    'soon',
    '--data-plane',
    'proxy',
  ];
  const { error } = await run(['install', ...wrong]).catch((failure) => failure);
  expect(error.exitCode).toBe(64);
  expect(error.message.split('\n')).toEqual([
    '--cluster-networks (10.0.0.0) must be networks such as 10.0.0.0/8,fd00::/8',
    'error: --opaque-ports (4100-4000) must be ports and ranges such as 25,4000-4100',
    'error: --issuance-lifetime (soon) must be a duration above 0, such as 500ms, 30s or 1m',
    "error: --data-plane (proxy) must be tulle, the mesh's own, or an image of Linkerd's proxy with its tag, such as cr.l5d.io/linkerd/proxy:edge-26.11.1",
  ]);
});

it('ports are read as everywhere: ranges too', async () => {
  const { out } = await run(['install', '--opaque-ports', '25, 4000 - 4002']);
  expect(out).toContain('--default-opaque-ports=25,4000,4001,4002');
});
