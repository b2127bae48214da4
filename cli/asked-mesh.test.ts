import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type FakeApi, fakeApi } from './testing/fake-api.ts';
import { run } from './testing/run.ts';

const folder = mkdtempSync(join(tmpdir(), 'tulle-asked-'));
const [here, elsewhere] = [join(folder, 'here'), join(folder, 'elsewhere')];
const state = join(here, '.tulle/local');

/** A local mesh without workloads runs in one of two folders; the cluster has none either. */
let cluster: FakeApi;
beforeAll(async () => {
  for (const each of [join(state, 'objects'), join(here, 'dist'), elsewhere]) mkdirSync(each, { recursive: true });
  const runner = { pid: process.pid, manifests: join(here, 'dist'), network: '127.1', meshNamespace: 'tulle' };
  writeFileSync(join(state, 'mesh.json'), JSON.stringify(runner));
  writeFileSync(join(here, 'dist/a.yaml'), 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a }\n');
  const none = { items: [] };
  cluster = await fakeApi({
    '/api/v1/namespaces/default/pods': none,
    '/apis/apps/v1/namespaces/default/deployments': none,
    '/apis/apps/v1/namespaces/default/replicasets': none,
    '/api/v1/namespaces': 500,
  });
});
afterAll(() => {
  cluster.close();
  rmSync(folder, { recursive: true });
});

const told = async (line: string, { cwd = here, kubeconfig = '' } = {}): Promise<string> => {
  const { error } = await run(line.split(' '), { cwd, environment: { KUBECONFIG: kubeconfig } }).then(
    () => Promise.reject(new Error(`tulle ${line} did not fail`)),
    (failure) => failure,
  );
  return error.message;
};

const commands = ['stat deploy/web', 'edges deploy', 'routes deploy/web', 'list', 'authz deploy/web', 'identity web-0'];

it.each(commands)('tulle %s tells that the local mesh was asked, where there is a cluster', async (line) => {
  expect(await told(line, { kubeconfig: cluster.kubeconfig })).toMatch(
    /^no .*\nhint: the local mesh was asked, since it runs here \(.*\): --kubeconfig or --context ask a cluster$/,
  );
  expect(await told(`${line} --state ${state}`, { cwd: elsewhere, kubeconfig: cluster.kubeconfig })).toMatch(
    /^no .*\nhint: the local mesh was asked, since --state names it: /,
  );
  expect(await told(line)).not.toContain('hint');
});

it.each(commands)('tulle %s tells that a cluster was asked, where a local mesh runs', async (line) => {
  const named = `${line} --kubeconfig ${cluster.kubeconfig}`;
  expect(await told(named)).toMatch(/\nhint: a cluster was asked: the local mesh that runs here .* is without --kube/);
  expect(await told(named, { cwd: elsewhere })).not.toContain('hint');
});

it.each([...commands, 'tap deploy/web', 'diagnostics profile 10.0.0.1:80'])(
  'tulle %s tells of both where neither is known',
  async (line) => {
    const [problem, hint] = (await told(line, { cwd: elsewhere })).split('\n');
    expect(problem).toMatch(/^no local mesh runs in .*: start one with 'tulle local dist', or name its --state$/);
    expect(hint).toBe('hint: nor is a cluster known: --kubeconfig or KUBECONFIG name a kubeconfig file');
  },
);

it('a cluster that does not answer may not be what was meant', async () => {
  const away = join(folder, 'away');
  const config = {
    'current-context': 'away',
    contexts: [{ name: 'away', context: { cluster: 'away' } }],
    clusters: [{ name: 'away', cluster: { server: 'http://127.0.0.1:1' } }],
  };
  writeFileSync(away, JSON.stringify(config));
  const place = { cwd: elsewhere, kubeconfig: away };
  for (const line of ['stat deploy', 'list', 'authz deploy'])
    expect(await told(line, place)).toMatch(
      /is the cluster up\?.*\nhint: no local mesh runs here \(.*elsewhere\/\.tulle\/local\), which would be asked: --state names another$/,
    );
});

it('what cannot be meant is told without', async () => {
  expect(await told('stat deploy -l a=b', { kubeconfig: cluster.kubeconfig })).toBe(
    '--selector (-l) is for clusters: the local mesh has pods only',
  );
});
