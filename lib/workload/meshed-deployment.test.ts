import { App, Chart, Size, Testing } from 'cdk8s';
import { Service, ServiceAccount } from 'cdk8s-plus-27';
import { expect, it } from 'vitest';
import { InboundPolicy, Injection, MeshedDeployment, type MeshOptions } from '../index.ts';

const containers = [{ image: 'shop/web:2.0', portNumber: 8080 }];

function synth(mesh?: MeshOptions) {
  const chart = Testing.chart();
  new MeshedDeployment(chart, 'web', { containers, mesh });
  const [deployment] = Testing.synth(chart);
  return { chart, template: deployment.spec.template, deployment };
}

it('asks the webhook for a sidecar, with the settings as annotations', () => {
  const { deployment, template } = synth({
    opaquePorts: [5432],
    inboundPolicy: InboundPolicy.clusterAuthenticated(),
    proxy: { memoryLimit: Size.mebibytes(96), cpuLimitMillis: 500, environment: { A: 'b' } },
  });
  expect(deployment).toMatchSnapshot();
  expect(template.metadata.annotations['tulle.dev/inject']).toBe('enabled');
  expect(template.metadata.annotations['config.tulle.dev/proxy-memory-limit']).toBe('96Mi');
});

it('writes a native sidecar at synth, restartPolicy and all, though cdk8s-plus-27 knows no such field', () => {
  const { deployment, template } = synth({ injection: Injection.static() });
  expect(deployment).toMatchSnapshot();
  expect(template.spec.initContainers.map(({ name, restartPolicy }: never) => [name, restartPolicy])).toEqual([
    ['tulle-init', undefined],
    ['tulle-proxy', 'Always'],
  ]);
});

it('does without init container in explicit mode, and tells the application of the proxy', () => {
  const { template } = synth({ injection: Injection.explicit() });
  expect(template.spec.initContainers.map(({ name }: { name: string }) => name)).toEqual(['tulle-proxy']);
  expect(template.spec.containers[0].env).toContainEqual({
    name: 'grpc_proxy',
    value: 'http://$(TULLE_POD_IP):4140',
  });
});

it('leads its Services to the sidecar in explicit mode, however they are made', () => {
  const chart = Testing.chart();
  const web = new MeshedDeployment(chart, 'web', { containers, mesh: { injection: Injection.explicit() } });
  web.exposeViaService({ ports: [{ port: 80, targetPort: 8080 }] });
  new Service(chart, 'other', { selector: web, ports: [{ port: 8080 }] });
  const targets = () =>
    Testing.synth(chart)
      .filter(({ kind }) => kind === 'Service')
      .map(({ spec }) => spec.ports[0].targetPort);
  expect(targets()).toEqual(['tulle-in-8080', 'tulle-in-8080']);
  expect(targets()).toEqual(['tulle-in-8080', 'tulle-in-8080']);
});

it('refuses a Service whose target the sidecar does not listen for', () => {
  const chart = Testing.chart();
  const web = new MeshedDeployment(chart, 'web', { containers, mesh: { injection: Injection.explicit() } });
  new Service(chart, 'other', { selector: web, ports: [{ port: 80, targetPort: 8081 }] });
  expect(() => Testing.synth(chart)).toThrow(/other.*spec\.ports\[0\]\.targetPort: \(8081\) is no port/s);
});

it.each([
  [Injection.ingress(), 'ingress'],
  [Injection.disabled(), 'disabled'],
])('passes on other wishes to the webhook', (injection, word) => {
  expect(synth({ injection }).template.metadata.annotations['tulle.dev/inject']).toBe(word);
});

it('knows its identity by service account and namespace', () => {
  const chart = new Chart(new App(), 'shop', { namespace: 'shop' });
  const serviceAccount = new ServiceAccount(chart, 'sa', { metadata: { name: 'orders' } });
  const orders = new MeshedDeployment(chart, 'orders', { containers, serviceAccount });
  const web = new MeshedDeployment(chart, 'web', { containers });
  expect(orders.mesh.identity).toBe('orders.shop.serviceaccount.identity.tulle.cluster.local');
  expect(web.mesh.identity).toBe('default.shop.serviceaccount.identity.tulle.cluster.local');
});

it('tells clients of its Service which ports are opaque', () => {
  const chart = Testing.chart();
  const db = new MeshedDeployment(chart, 'db', {
    containers: [{ image: 'db:1', portNumber: 5433 }],
    mesh: { opaquePorts: [5433] },
  });
  db.exposeViaService({ ports: [{ port: 5432, targetPort: 5433 }] });
  const service = Testing.synth(chart).find(({ kind }) => kind === 'Service');
  expect(service.metadata.annotations).toEqual({ 'config.tulle.dev/opaque-ports': '5432' });
});

it.each<[MeshOptions, string]>([
  [{ opaquePorts: [80, 70_000] }, "'opaquePorts' (80, 70000) must be ports from 1 to 65535: replace 70000"],
  [
    { skipSubnets: ['10.0.0.0'] },
    "'skipSubnets' (10.0.0.0) must be networks in CIDR notation such as 10.0.0.0/8: replace 10.0.0.0",
  ],
  [
    { proxy: { cpuLimitMillis: 0.5 } },
    "'cpuLimitMillis' (0.5) must be a whole number of thousandths of a core: 500 is half a core",
  ],
  [
    { proxy: { cpuRequestMillis: 200, cpuLimitMillis: 100 } },
    "'cpuRequestMillis' (200) must not be above 'cpuLimitMillis' (100): raise the limit or ask for less",
  ],
  [
    { proxy: { memoryRequest: Size.gibibytes(1), memoryLimit: Size.mebibytes(1) } },
    "'memoryRequest' (1048576Ki) must not be above 'memoryLimit' (1024Ki): raise the limit or ask for less",
  ],
  [{ proxy: { image: '' } }, "'image' ('') must not be empty: leave it out for the default"],
])('refuses %j', (mesh, message) => {
  expect(() => synth(mesh)).toThrow(new Error(message));
});

it('fails the synth of an app for an annotation that cannot be read', () => {
  const app = new App({ outdir: '/nonexistent' });
  const chart = new Chart(app, 'shop');
  new MeshedDeployment(chart, 'web', {
    containers,
    podMetadata: { annotations: { 'config.tulle.dev/access-log': 'yes' } },
  });
  expect(() => app.synth()).toThrow(
    new Error(
      'The workload cannot be meshed as its annotations say:\n' +
        '  [shop/web/Resource] spec.template.metadata.annotations["config.tulle.dev/access-log"]: ' +
        "'yes' must be one of off, apache, json",
    ),
  );
});
