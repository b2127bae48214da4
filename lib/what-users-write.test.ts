import { App, Chart, Duration, Size } from 'cdk8s';
import { expect, it, vi } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { MeshModel } from '../model/mesh-model.ts';
import { Mesh, MeshedDeployment, MeshInjection, RetryOn } from './index.ts';

vi.spyOn(process, 'emitWarning').mockImplementation(() => {});

/** The first thing that anyone sees of the mesh: this stays as it is written, and this short. */
function shopApp() {
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
  shop.with(new MeshInjection());
  return { app, shop, web, orders };
}

it('synthesizes, the same each time, and only web may call orders', () => {
  const { app, web, orders } = shopApp();
  expect(app.synthYaml()).toBe(app.synthYaml());
  const model = MeshModel.of(app);
  expect(model.problems).toEqual([]);
  expect(model.callersOf(orders)).toEqual([web.mesh.identity]);
});

it('tells clients of its Service, once it has one, what is tried again', () => {
  const { app, orders } = shopApp();
  orders.exposeViaService({ name: 'orders' });
  const services = parseAllDocuments(app.synthYaml())
    .map((document) => document.toJS())
    .filter(({ kind, metadata }) => kind === 'Service' && metadata.namespace === 'shop');
  expect(services.map(({ metadata }) => metadata.annotations)).toEqual([
    {
      'config.tulle.dev/opaque-ports': '',
      'retry.linkerd.io/http': '5xx',
      'retry.linkerd.io/limit': '2',
      'retry.linkerd.io/timeout': '200ms',
    },
  ]);
});
