import { App, Chart } from 'cdk8s';
import { Deployment, ServiceAccount } from 'cdk8s-plus-33';
import { AuthorizationPolicy, Injection, MeshInjection, MeshTlsAuthentication, Port, Server } from 'tulle';
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

test('only web may call orders, by policy over the workloads of any cdk8s-plus', () => {
  const app = new App();
  const chart = new Chart(app, 'shop', { namespace: 'shop' });
  const account = new ServiceAccount(chart, 'account', { metadata: { name: 'web' } });
  const orders = new Deployment(chart, 'orders', { containers: [{ image: 'shop/orders:1.0', portNumber: 8080 }] });
  new Deployment(chart, 'web', { serviceAccount: account, containers: [{ image: 'shop/web:2.0' }] });
  const server = new Server(chart, 'server', { pods: orders, port: Port.number(8080) });
  const web = new MeshTlsAuthentication(chart, 'web-only', { clients: [account] });
  new AuthorizationPolicy(chart, 'policy', { target: server, authentications: [web] });
  // @ts-expect-error: a number is no port
  const wrong = () => [new Server(chart, 'x', { pods: orders, port: 8080 })];
  expect(wrong).toBeDefined();
  chart.with(new MeshInjection({ injection: Injection.static() }));
  const identity = 'web.shop.serviceaccount.identity.tulle.cluster.local';
  expect(MeshModel.of(app).callersOf(orders)).toEqual([identity]);
});
