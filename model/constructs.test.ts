import { App, Chart, Cron } from 'cdk8s';
import { expect, it } from 'vitest';
import {
  InboundPolicy,
  Injection,
  MeshedCronJob,
  MeshedDaemonSet,
  MeshedJob,
  MeshedNamespace,
  MeshedStatefulSet,
} from '../lib/index.ts';
import { MeshModel } from './mesh-model.ts';

/** A database in a namespace that lets in whom the mesh knows, and all who may call it. */
function shop(mesh?: { readonly inboundPolicy: InboundPolicy }) {
  const app = new App();
  const chart = new Chart(app, 'shop', { namespace: 'shop' });
  const containers = [{ image: 'shop/any:1', portNumber: 8080 }];
  const named = (name: string) => ({ metadata: { name }, containers });
  if (mesh) new MeshedNamespace(chart, 'namespace', { mesh });
  const db = new MeshedStatefulSet(chart, 'db', named('db'));
  const callers = {
    'shop/daemonset/agent': new MeshedDaemonSet(chart, 'agent', named('agent')),
    'shop/job/import': new MeshedJob(chart, 'import', named('import')),
    'shop/cronjob/report': new MeshedCronJob(chart, 'report', { ...named('report'), schedule: Cron.daily() }),
  };
  const stranger = { injection: Injection.disabled() };
  new MeshedJob(chart, 'stranger', { ...named('stranger'), mesh: stranger });
  const model = MeshModel.of(app);
  const call = (from: string) => model.call({ from, to: `http://${db.service.name}:8080/` });
  return { call, callers: Object.keys(callers) };
}

it('every kind of workload calls the headless Service of a StatefulSet by mutual TLS', () => {
  const { call, callers } = shop();
  for (const from of callers) expect(call(from), from).toMatchObject({ allowed: true, mtls: true });
  expect(call('shop/job/stranger')).toMatchObject({ allowed: true, mtls: false });
});

it('a MeshedNamespace that lets in whom the mesh knows refuses everybody else', () => {
  const { call, callers } = shop({ inboundPolicy: InboundPolicy.allAuthenticated() });
  for (const from of callers) {
    expect(call(from), from).toMatchObject({ allowed: true, by: 'default all-authenticated', mtls: true });
  }
  expect(call('shop/job/stranger')).toMatchObject({ allowed: false, status: 403 });
});

it('a MeshedNamespace that denies lets in nobody', () => {
  const { call, callers } = shop({ inboundPolicy: InboundPolicy.deny() });
  for (const from of callers) expect(call(from), from).toMatchObject({ allowed: false });
});
