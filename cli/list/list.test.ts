import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse } from 'yaml';
import { injectConfig } from '../../lib/inject/index.ts';
import type { Namespace } from '../../lib/kinds/namespace.ts';
import type { Pod } from '../../lib/kinds/pod.ts';
import { servePods } from '../testing/pods-of-processes.ts';
import { type CommandRun, run } from '../testing/run.ts';
import { workloadRows } from './workload-rows.ts';

const sidecar = { initContainers: [{ name: 'tulle-proxy' }], containers: [{ name: 'app', image: 'app' }] };
const bare = { containers: [{ name: 'app', image: 'app' }] };
const pod = (name: string, owner: string | undefined, spec: object, annotations = {}): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    ...{ name, namespace: 'shop', annotations, labels: { 'pod-template-hash': 'abc' } },
    ...(owner === undefined ? {} : { ownerReferences: [{ kind: 'ReplicaSet', name: `${owner}-abc` }] }),
  },
  spec,
  status: { phase: 'Running' },
});
const enabled = { 'tulle.dev/inject': 'enabled' };
const shop = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop', annotations: enabled } } as Namespace;
const pods = [
  pod('web-abc-1', 'web', sidecar),
  pod('web-abc-2', 'web', bare),
  pod('web-abc-3', 'web', bare),
  pod('db-abc-1', 'db', { ...bare, hostNetwork: true }),
  pod('job', undefined, bare, { 'tulle.dev/inject': 'disabled' }),
];

it('a workload is as much in the mesh as its pods, and each reason of the others is told once', () => {
  const rows = workloadRows(pods, { config: injectConfig(), namespaces: [shop] });
  expect(rows.map(({ workload, pods, meshedPods, reasons }) => [workload, pods, meshedPods, reasons])).toEqual([
    ['pod/job', 1, 0, ['pod has the annotation "tulle.dev/inject:disabled"']],
    ['replicaset/db-abc', 1, 0, ['hostNetwork is enabled']],
    ['replicaset/web-abc', 3, 1, ['was made before the mesh was asked for: restart it']],
  ]);
});

it('where no mesh is known no reason is made up, and without its namespace a pod is asked by itself', () => {
  expect(workloadRows(pods, { config: undefined, namespaces: [] }).flatMap(({ reasons }) => reasons)).toEqual([]);
  expect(workloadRows([pods[1]], { config: injectConfig(), namespaces: [] })[0].reasons).toEqual([
    'neither the namespace nor the pod have the annotation "tulle.dev/inject:enabled"',
  ]);
});

const items = pods.map(({ metadata, spec, status }) => ({ metadata: { ...metadata }, spec, status }));

let cluster: Awaited<ReturnType<typeof servePods>>;
beforeAll(async () => {
  const config = { data: { values: JSON.stringify(injectConfig()), install: '{"given":{}}' } };
  cluster = await servePods({
    ports: {},
    answers: {
      '/api/v1/namespaces/shop/pods': { items },
      '/api/v1/pods': { items },
      '/api/v1/namespaces': { items: [{ metadata: { ...shop.metadata } }] },
      '/api/v1/namespaces/shop': JSON.stringify(shop),
      '/api/v1/namespaces/tulle/configmaps/tulle-config': JSON.stringify(config),
      '/api/v1/namespaces/empty/pods': { items: [] },
      '/api/v1/namespaces/empty': JSON.stringify({ metadata: { name: 'empty' } }),
    },
  });
});
afterAll(() => cluster.close());
const list = (...args: string[]): Promise<CommandRun> => run(['list', ...args, '--kubeconfig', cluster.kubeconfig]);

it('lists a namespace by its workloads, all of them with theirs, and only those that lack something', async () => {
  expect((await list('-n', 'shop')).out).toBe(
    [
      'WORKLOAD         MESHED   WHY NOT',
      'deployment/db    0/1      hostNetwork is enabled',
      'deployment/web   1/3      was made before the mesh was asked for: restart it',
      'pod/job          0/1      pod has the annotation "tulle.dev/inject:disabled"',
      '',
    ].join('\n'),
  );
  expect((await list('-A')).out).toMatch(/^NAMESPACE +WORKLOAD .*\nshop +deployment\/db /);
  const rows = JSON.parse((await list('-n', 'shop', '--unmeshed', '-o', 'json')).out);
  expect(rows[1]).toMatchObject({ namespace: 'shop', workload: 'deployment/web', pods: 3, meshedPods: 1 });
  expect(parse((await list('-n', 'shop', '-o', 'yaml')).out)).toHaveLength(3);
});

it('a namespace without pods is told', async () => {
  const { error } = await list('-n', 'empty').catch((failure) => failure);
  expect(error.message).toBe('no pod in namespace empty (-n names another, -A all)');
});
