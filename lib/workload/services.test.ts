import { ApiObject, App, Chart } from 'cdk8s';
import { Pods, Service } from 'cdk8s-plus-27';
import { describe, expect, it, vi } from 'vitest';
import { Injection, MeshedDeployment, MeshInjection, type MeshOptions, MeshWarnings } from '../index.ts';

vi.spyOn(process, 'emitWarning').mockImplementation(() => {});

const containers = [{ name: 'db', image: 'shop/db:2.0', ports: [{ number: 5432, name: 'sql' }, { number: 8080 }] }];
const labels = { app: 'db' };

/** A workload in one chart and a Service in another, as they are written. */
function synth(mesh: MeshOptions, targetPort: number | string = 5432, annotations?: Record<string, string>) {
  const app = new App();
  const services = new Chart(app, 'services', { namespace: 'shop' });
  const service = new ApiObject(services, 'db', {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'db', annotations },
    spec: {
      selector: labels,
      ports: [
        { name: 'sql', port: 5433, targetPort },
        { name: 'http', port: 80, targetPort: 8080 },
      ],
    },
  });
  const workloads = new Chart(app, 'workloads', { namespace: 'shop' });
  const podMetadata = { labels };
  new MeshedDeployment(workloads, 'db', { containers, podMetadata, select: false, mesh });
  app.synthYaml();
  return service.toJson();
}

it.each([5432, 'sql'])(
  'a Service of another chart says which of its ports lead to opaque ones (target %s)',
  (target) => {
    expect(synth({ opaquePorts: [5432] }, target).metadata.annotations).toEqual({
      'config.tulle.dev/opaque-ports': '5433',
    });
  },
);

it('a Service that says so itself keeps its word, and one of other pods says nothing', () => {
  const own = { 'config.linkerd.io/opaque-ports': '80' };
  expect(synth({ opaquePorts: [5432] }, 5432, own).metadata.annotations).toEqual(own);
  expect(synth({}).metadata.annotations).toBeUndefined();
});

it('a Service made by itself with cdk8s-plus is told too', () => {
  const app = new App();
  const chart = new Chart(app, 'shop');
  const db = new MeshedDeployment(chart, 'db', { containers, mesh: { opaquePorts: [5432] } });
  const service = new Service(chart, 'service', { selector: db, ports: [{ port: 5432 }] });
  app.synthYaml();
  expect(ApiObject.of(service).toJson().metadata.annotations).toEqual({ 'config.tulle.dev/opaque-ports': '5432' });
});

it('a Service of another chart leads to the sidecars of pods in explicit mode', () => {
  const { spec } = synth({ injection: Injection.explicit() });
  expect(spec.ports.map(({ targetPort }: { targetPort: unknown }) => targetPort)).toEqual([
    'tulle-in-5432',
    'tulle-in-8080',
  ]);
});

describe('a Service that stands elsewhere in the app', () => {
  const explicit: MeshOptions = { injection: Injection.explicit() };
  const spec = { selector: labels, ports: [{ port: 80, targetPort: 8080 }] };
  const manifest = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'db', namespace: 'shop' }, spec };
  const webPods = { metadata: { labels }, spec: { containers: [{ name: 'db', ports: [{ containerPort: 8080 }] }] } };

  function shop(mesh: MeshOptions = explicit) {
    const app = new App();
    const services = new Chart(app, 'services', { namespace: 'shop' });
    const workloads = new Chart(app, 'workloads', { namespace: 'shop' });
    new MeshedDeployment(workloads, 'db', { containers, podMetadata: { labels }, select: false, mesh });
    return { app, services, workloads };
  }

  it('and selects pods by their labels with cdk8s-plus, leads to the sidecars', () => {
    const { app, services } = shop();
    const selector = Pods.select(services, 'pods', { labels });
    const service = new Service(services, 'db', { selector, ports: [{ port: 80, targetPort: 8080 }] });
    app.synthYaml();
    expect(ApiObject.of(service).toJson().spec.ports[0].targetPort).toBe('tulle-in-8080');
  });

  it('and in a List, with pods or without, leads to the sidecars', () => {
    const { app, services } = shop();
    const deployment = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'other' }, spec: {} };
    const list = new ApiObject(services, 'list', { apiVersion: 'v1', kind: 'List', items: [manifest, deployment] });
    app.synthYaml();
    expect(list.toJson().items[0].spec.ports[0].targetPort).toBe('tulle-in-8080');
    expect(list.toJson().items[1]).toEqual(deployment);
  });

  it('and in a List that cannot lead there fails the synth as any other', () => {
    const { app, services } = shop();
    const wrong = { ...manifest, spec: { ...spec, ports: [{ port: 80, targetPort: 1 }] } };
    new ApiObject(services, 'list', { apiVersion: 'v1', kind: 'List', items: [wrong] });
    expect(() => app.synthYaml()).toThrow(
      /The Service cannot lead .*\[services\/list\] spec\.ports\[0\]\.targetPort: \(1\)/s,
    );
  });

  it.each([
    ['the pods themselves', { 'tulle.dev/inject': 'explicit' }, undefined],
    ['their namespace', undefined, { 'tulle.dev/inject': 'explicit' }],
  ])('leads to the sidecars that the webhook adds in explicit mode at the word of %s', (_, pods, namespace) => {
    const { app, services, workloads } = shop({ injection: Injection.disabled() });
    const metadata = { labels: { app: 'web' }, annotations: pods };
    const template = { ...webPods, metadata };
    new ApiObject(workloads, 'web', { apiVersion: 'apps/v1', kind: 'Deployment', spec: { template } });
    new ApiObject(workloads, 'shop', {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'shop', annotations: namespace },
    });
    const selecting = { ...manifest, spec: { ...spec, selector: { app: 'web' } } };
    const service = new ApiObject(services, 'web', selecting);
    app.synthYaml();
    expect(service.toJson().spec.ports[0].targetPort).toBe('tulle-in-8080');
    expect(service.toJson().metadata.annotations).toBeUndefined();
  });

  it('and is headless is warned of, for clients outside the mesh call past the proxy', () => {
    const { app, services } = shop();
    new ApiObject(services, 'db', { ...manifest, spec: { ...spec, clusterIP: 'None' } });
    app.synthYaml();
    app.synthYaml();
    expect(MeshWarnings.of(app)).toEqual([
      {
        path: 'services/db',
        code: 'TULLE_PROXY_BYPASSED',
        message: expect.stringMatching(
          /^service\/db: spec\.clusterIP is None: clients outside the mesh .* of deployment\/\S+ \[workloads\/db\/Resource\] .*past the proxy/,
        ),
      },
    ]);
  });
});

it('what cannot have a sidecar and asks for one by its own construct fails the synth', () => {
  const make = (mesh: MeshOptions) => {
    const app = new App();
    const chart = new Chart(app, 'shop');
    new MeshedDeployment(chart, 'web', { containers, hostNetwork: true, mesh });
    return () => app.synthYaml();
  };
  for (const injection of [Injection.webhook(), Injection.static()]) {
    expect(make({ injection })).toThrow('[shop/web/Resource] hostNetwork is enabled: give it Injection.disabled()');
  }
  expect(make({ injection: Injection.disabled() })).not.toThrow();
});

it('a mixin does not speak over what a workload says itself', () => {
  const app = new App();
  const chart = new Chart(app, 'shop');
  const web = new MeshedDeployment(chart, 'web', { containers, mesh: { opaquePorts: [5432] } });
  const raw = new ApiObject(chart, 'raw', {
    apiVersion: 'argoproj.io/v1alpha1',
    kind: 'Rollout',
    spec: {
      template: {
        metadata: { annotations: { 'config.linkerd.io/opaque-ports': '1' } },
        spec: { containers: [{ name: 'web', image: 'x' }] },
      },
    },
  });
  const list = new ApiObject(chart, 'list', {
    apiVersion: 'v1',
    kind: 'List',
    items: [{ apiVersion: 'v1', kind: 'Pod', spec: { containers: [{ name: 'web', image: 'x' }] } }],
  });
  chart.with(new MeshInjection({ opaquePorts: [3306], proxy: { logLevel: 'debug' } }));
  const annotations = (object: { metadata: unknown }) => (object.metadata as { annotations: unknown }).annotations;
  expect(annotations(ApiObject.of(web).toJson().spec.template)).toMatchObject({
    'config.tulle.dev/opaque-ports': '5432',
    'config.tulle.dev/proxy-log-level': 'debug',
  });
  expect(annotations(raw.toJson().spec.template)).toEqual({
    'config.linkerd.io/opaque-ports': '1',
    'config.tulle.dev/proxy-log-level': 'debug',
    'tulle.dev/inject': 'enabled',
  });
  expect(annotations(list.toJson().items[0])).toMatchObject({ 'config.tulle.dev/opaque-ports': '3306' });
});
