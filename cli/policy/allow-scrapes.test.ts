import { expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { MeshModel } from '../../model/mesh-model.ts';
import { run } from '../testing/run.ts';
import { scrapePolicy } from './allow-scrapes.ts';

const workload = (name: string, namespace: string, annotations: object) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name, namespace },
  spec: {
    template: {
      metadata: { labels: { app: name }, annotations: { 'tulle.dev/inject': 'enabled', ...annotations } },
      spec: { serviceAccountName: name, containers: [{ name, image: 'a:1', ports: [{ containerPort: 8080 }] }] },
    },
  },
});

it('lets that Prometheus in at the admin port of a sidecar, wherever that is, and nobody else, where all is shut', () => {
  const shut = { 'config.tulle.dev/default-inbound-policy': 'deny', 'config.tulle.dev/admin-port': '5191' };
  const objects = [
    workload('web', 'shop', shut),
    workload('web', 'other', shut),
    workload('prometheus', 'monitoring', {}),
    workload('prometheus', 'shop', {}),
  ];
  const before = MeshModel.fromObjects(objects);
  expect(before.callersOf('shop/web', 5191)).toEqual([]);
  const after = MeshModel.fromObjects([
    ...objects,
    ...scrapePolicy('shop', { namespace: 'monitoring', name: 'prometheus' }),
  ]);
  expect(after.problems).toEqual([]);
  const prometheus = 'prometheus.monitoring.serviceaccount.identity.tulle.cluster.local';
  expect(after.callersOf('shop/web', 5191)).toEqual([prometheus]);
  expect(after.callersOf('shop/web', 8080)).toEqual([]);
  expect(after.callersOf('other/web', 5191)).toEqual([]);
});

it('prints objects for kubectl, and refuses what names no account', async () => {
  const args = ['allow-scrapes', '-n', 'shop', '--prometheus'];
  const { out } = await run([...args, 'monitoring/prometheus']);
  const printed = parseAllDocuments(out).map((document) => document.toJS());
  expect(printed).toEqual(scrapePolicy('shop', { namespace: 'monitoring', name: 'prometheus' }));
  expect(JSON.parse((await run([...args, 'monitoring/prometheus', '-o', 'json'])).out)).toEqual(printed);
  for (const [prometheus, more] of [['prometheus'], ['a/b/c'], ['A/b'], ['a/b', '--target-namespace=A']]) {
    const { error } = await run([...args, prometheus, ...(more ? [more] : [])]).catch((failed) => failed);
    expect(error).toMatchObject({ exitCode: 64 });
  }
});
