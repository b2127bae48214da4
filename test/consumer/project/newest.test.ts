import { App, Chart } from 'cdk8s';
import * as plus33 from 'cdk8s-plus-33';
import * as plus34 from 'cdk8s-plus-34';
import { Injection, meshed } from 'tulle';
import { MeshModel } from 'tulle/testing';

const Deployment33 = meshed(plus33.Deployment);
class Deployment34 extends meshed(plus34.Deployment) {}
const StatefulSet34 = meshed(plus34.StatefulSet);

test('workloads of any cdk8s-plus are meshed by their own props, and let one another in', () => {
  const app = new App();
  const chart = new Chart(app, 'shop', { namespace: 'shop' });
  const mesh = { injection: Injection.static() };
  const containers = [{ image: 'shop/any:1.0', portNumber: 8080 }];
  const web = new Deployment33(chart, 'web', { metadata: { name: 'web' }, containers, mesh, replicas: 2 });
  const orders = new Deployment34(chart, 'orders', { containers, mesh });
  const db = new StatefulSet34(chart, 'db', { containers, mesh });
  // @ts-expect-error: no such prop
  const wrong = () => new Deployment33(chart, 'x', { containers, replica: 2 });
  expect(wrong).toBeDefined();
  const service: plus34.Service = orders.exposeViaService({ name: 'orders', ports: [{ port: 80, targetPort: 8080 }] });
  orders.mesh.allowFrom(web).opaquePorts(9090);
  db.mesh.allowFrom(orders);
  expect(service.name).toBe('orders');
  const model = MeshModel.of(app);
  expect(model.callersOf(orders)).toEqual(['web.shop.serviceaccount.identity.tulle.cluster.local']);
  expect(model.callersOf(db)).toEqual([orders.mesh.identity]);
  expect(model.call({ from: web, to: 'http://orders/' })).toMatchObject({ allowed: true, mtls: true });
});
