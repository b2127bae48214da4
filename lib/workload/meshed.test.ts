import { App, Chart, Cron, Testing } from 'cdk8s';
import * as plus27 from 'cdk8s-plus-27';
import * as plus33 from 'cdk8s-plus-33';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { MeshModel } from '../../model/mesh-model.ts';
import {
  Injection,
  MeshedCronJob,
  MeshedDaemonSet,
  MeshedDeployment,
  MeshedJob,
  MeshedStatefulSet,
  meshed,
  type WorkloadMesh,
} from '../index.ts';

const containers = [{ image: 'shop/db:2.0', portNumber: 5432 }];
const mesh = { opaquePorts: [5432], proxy: { nativeSidecar: false } };
const props = { containers, mesh };
const cron = { ...props, schedule: Cron.daily() };

describe('meshed() of a class of cdk8s-plus-27 is as the mesh’s own over it:', () => {
  it.each([
    ['Deployment', MeshedDeployment, meshed(plus27.Deployment), props],
    ['StatefulSet', MeshedStatefulSet, meshed(plus27.StatefulSet), props],
    ['DaemonSet', MeshedDaemonSet, meshed(plus27.DaemonSet), props],
    ['Job', MeshedJob, meshed(plus27.Job), props],
    ['CronJob', MeshedCronJob, meshed(plus27.CronJob), cron],
  ] as const)('%s', (kind, Own, Made, given) => {
    const synth = (Class: typeof Own | typeof Made) => {
      const chart = Testing.chart();
      const made = new (Class as typeof MeshedDeployment)(chart, 'db', given);
      if (kind === 'Deployment') made.exposeViaService({ ports: [{ port: 80, targetPort: 5432 }] });
      return Testing.synth(chart);
    };
    expect(synth(Made)).toEqual(synth(Own));
    expect(Made.name).toBe(`Meshed${kind}`);
  });
});

describe('meshed() of a class of a newer cdk8s-plus', () => {
  const Deployment = meshed(plus33.Deployment);

  it('has the props and members of that class, typed, and the mesh’s', () => {
    const chart = Testing.chart();
    const web = new Deployment(chart, 'web', { containers, replicas: 2, mesh });
    expectTypeOf(web).toExtend<plus33.Deployment>();
    expectTypeOf(web.mesh).toEqualTypeOf<WorkloadMesh>();
    expectTypeOf<ConstructorParameters<typeof Deployment>[2]>().toExtend<plus33.DeploymentProps>();
    // @ts-expect-error: a schedule is of CronJobs
    const wrong = () => new Deployment(chart, 'x', { containers, schedule: Cron.daily() });
    // @ts-expect-error: the mesh has no such option
    const unknown = () => new Deployment(chart, 'x', { containers, mesh: { opaque: [1] } });
    expect([wrong, unknown]).toHaveLength(2);
    expect(web.replicas).toBe(2);
  });

  it('can be extended, and its workloads are told apart, called and let in as any', () => {
    class Shop extends Deployment {}
    const app = new App();
    const chart = new Chart(app, 'shop', { namespace: 'shop' });
    const injection = Injection.static();
    const orders = new Shop(chart, 'orders', { containers, mesh: { injection } });
    orders.exposeViaService({ name: 'orders', ports: [{ port: 80, targetPort: 5432 }] });
    const web = new Shop(chart, 'web', {
      metadata: { name: 'web' },
      containers: [{ image: 'web' }],
      mesh: { injection },
    });
    const stranger = new MeshedDeployment(chart, 'stranger', { containers: [{ image: 'stranger' }] });
    orders.mesh.allowFrom(web);
    app.synthYaml();
    const model = MeshModel.of(app);
    expect(model.callersOf(orders)).toEqual(['web.shop.serviceaccount.identity.tulle.cluster.local']);
    expect(web.mesh.identity).toBe('web.shop.serviceaccount.identity.tulle.cluster.local');
    expect(model.call({ from: web, to: 'tcp://orders:80' })).toMatchObject({ allowed: true, mtls: true });
    expect(model.call({ from: stranger, to: 'tcp://orders:80' }).allowed).toBe(false);
  });
});
