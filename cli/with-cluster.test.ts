import { afterEach, expect, it } from 'vitest';
import { injectConfig } from '../lib/inject/index.ts';
import { type FakeApi, fakeApi } from './testing/fake-api.ts';
import { run } from './testing/run.ts';

let api: FakeApi | undefined;
afterEach(() => {
  api?.close();
  api = undefined;
});

const open = async (answers: Record<string, object | number>): Promise<string[]> => {
  api = await fakeApi(answers);
  return ['--kubeconfig', api.kubeconfig];
};
const pod = 'apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  containers: [{name: web, image: shop/web}]\n';
const installed = (namespace: string, trustDomain: string) => ({
  [`/api/v1/namespaces/${namespace}/configmaps/tulle-config`]: {
    data: { values: JSON.stringify(injectConfig({ meshNamespace: namespace, trustDomain })), install: '{"given":{}}' },
  },
});

it('inject --manual writes the settings of the mesh that is in the cluster, in the namespace of -L', async () => {
  const place = await open(installed('mesh', 'corp.example'));
  const { out } = await run(['inject', '--manual', '-L', 'mesh', ...place, '-'], { input: pod });
  expect(out).toContain('value: corp.example');
  expect(out).toContain('tulle-dst-headless.mesh.svc');
});

it('inject --manual writes the defaults where nothing is installed, or the cluster is not asked', async () => {
  const place = await open({});
  for (const more of [[], ['--ignore-cluster']]) {
    const { out } = await run(['inject', '--manual', '-L', 'mesh', ...more, ...place, '-'], { input: pod });
    expect(out).toContain('tulle-dst-headless.mesh.svc.cluster.local');
  }
});

it('inject --manual does not guess the settings of a cluster that was named and does not tell', async () => {
  const place = await open({ '/api/v1/namespaces/tulle/configmaps/tulle-config': 403 });
  const { error } = await run(['inject', '--manual', ...place, '-'], { input: pod }).catch((failure) => failure);
  expect(error.message).toContain('you may not');
});

it('install says that IPv6 of a dual-stack cluster would go past the proxies, unless it is asked to lead it', async () => {
  const nodes = { items: [{ metadata: { name: 'a' }, spec: { podCIDRs: ['10.1.0.0/24', 'fd00:1::/64'] } }] };
  const place = await open({ '/api/v1/nodes': nodes });
  const { out, err } = await run(['install', ...place]);
  expect(err).toContain('warning: pods have IPv6 addresses too (fd00:1::/64): install with --ipv6');
  expect(out).toContain('kind: Deployment');
  expect((await run(['install', '--ipv6', ...place])).err).toBe('');
});

it('install says that a cluster lacks the admission policies that components are held by, unless it is told so', async () => {
  const place = await open({ '/version': { major: '1', minor: '29+', gitVersion: 'v1.29.4' } });
  const { out, err } = await run(['install', ...place]);
  expect(err).toContain('the cluster is v1.29.4 and has no ValidatingAdmissionPolicies: install with --no-permission');
  expect(out).toContain('kind: ValidatingAdmissionPolicy\n');
  const without = await run(['install', '--no-permission-guards', ...place]);
  expect([without.err, without.out.includes('kind: ValidatingAdmissionPolicy')]).toEqual(['', false]);
});

it('version tells of the sidecars also when it may not see the control plane', async () => {
  const containers = [{ name: 'tulle-proxy', image: 'tulle-proxy:0.9.0' }];
  const place = await open({
    '/api/v1/namespaces/tulle/pods': 403,
    '/api/v1/namespaces/shop/pods': { items: [{ metadata: { name: 'web' }, spec: { containers } }] },
  });
  const { out, err } = await run(['version', '--proxy', '-n', 'shop', ...place]);
  expect(out).toBe('Client version: 0.1.0\nServer version: unavailable\nProxy versions: 0.9.0 (1 pods)\n');
  expect(err).toContain('you may not');
});
