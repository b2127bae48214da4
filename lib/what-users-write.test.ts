import { App, Chart, Duration, Size } from 'cdk8s';
import { expect, it, vi } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { MeshModel } from '../model/mesh-model.ts';
import { Canary, Mesh, MeshedDeployment, MeshInjection, RetryOn } from './index.ts';

vi.spyOn(process, 'emitWarning').mockImplementation(() => {});

/** The first thing that anyone sees of the mesh: this stays as it is written, and this short. */
function shopApp(beforeTheCanary: (orders: MeshedDeployment) => void = () => {}) {
  const app = new App();
  new Mesh(new Chart(app, 'tulle'), 'mesh', { highAvailability: true });

  const shop = new Chart(app, 'shop', { namespace: 'shop' });
  const web = new MeshedDeployment(shop, 'web', {
    containers: [{ image: 'shop/web:2.0', portNumber: 8080 }],
  });
  const orders = new MeshedDeployment(shop, 'orders', {
    replicas: 3,
    containers: [{ image: 'shop/orders:1.4', portNumber: 8080 }],
    mesh: { opaquePorts: [5432], proxy: { memoryLimit: Size.mebibytes(96) } },
  });
  orders.mesh.allowFrom(web);
  orders.mesh.retries({ on: RetryOn.serverError(), limit: 2, timeout: Duration.millis(200) });
  beforeTheCanary(orders);
  const ordersNext = new MeshedDeployment(shop, 'orders-next', {
    containers: [{ image: 'shop/orders:2.0', portNumber: 8080 }],
  });
  new Canary(shop, 'orders-canary', { primary: orders, canary: ordersNext, weight: 10 });
  shop.with(new MeshInjection());
  return { app, web, orders };
}

it('synthesizes, the same each time, and only web may call orders', () => {
  const { app, web, orders } = shopApp();
  expect(app.synthYaml()).toBe(app.synthYaml());
  const model = MeshModel.of(app);
  expect(model.problems).toEqual([]);
  expect(model.callersOf(orders)).toEqual([web.mesh.identity]);
});

const servicesOf = (app: App) =>
  parseAllDocuments(app.synthYaml())
    .map((document) => document.toJS())
    .filter(({ kind, metadata }) => kind === 'Service' && metadata.namespace === 'shop');

it('sends a tenth of the calls to the next version, by Services that the workloads get where they have none', () => {
  const { app, web } = shopApp();
  const [service] = servicesOf(app).filter(({ metadata }) => !metadata.name.includes('next'));
  const call = MeshModel.of(app).call({ from: web, to: `http://${service.metadata.name}:8080/` });
  expect(call.backends.map(({ share }) => share)).toEqual([0.9, 0.1]);
  expect(call).toMatchObject({ allowed: true, mtls: true, retries: 2 });
});

it('tells clients of a Service what is tried again', () => {
  const { app } = shopApp((orders) => void orders.exposeViaService({ name: 'orders' }));
  const [orders] = servicesOf(app).filter(({ metadata }) => metadata.name === 'orders');
  expect(orders.metadata.annotations).toEqual({
    'config.tulle.dev/opaque-ports': '',
    'retry.linkerd.io/http': '5xx',
    'retry.linkerd.io/limit': '2',
    'retry.linkerd.io/timeout': '200ms',
  });
});
