import { App, Chart } from 'cdk8s';
import { Deployment } from 'cdk8s-plus-33';
import { Injection, MeshInjection } from 'tulle';
import { MeshModel } from 'tulle/testing';

test('web reaches orders, encrypted', () => {
  const app = new App();
  const chart = new Chart(app, 'shop', { namespace: 'shop' });
  const orders = new Deployment(chart, 'orders', { containers: [{ image: 'shop/orders:1.0', portNumber: 8080 }] });
  orders.exposeViaService({ name: 'orders', ports: [{ port: 80, targetPort: 8080 }] });
  const web = new Deployment(chart, 'web', { containers: [{ image: 'shop/web:2.0', portNumber: 8080 }] });
  chart.with(new MeshInjection({ injection: Injection.static() }));
  const mesh = MeshModel.of(app);
  expect(mesh.problems).toEqual([]);
  const call = mesh.call({ from: web, to: 'http://orders/v2/items' });
  expect(call).toMatchObject({ allowed: true, mtls: true, backends: [{ service: 'orders', share: 1 }] });
});
