import { App, Chart, Duration, Testing } from 'cdk8s';
import { Service } from 'cdk8s-plus-27';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { parseInjectConfig } from '../../control-plane/injector/inject-config.ts';
import {
  DataPlane,
  FaultInjection,
  Filter,
  HttpRoute,
  Injection,
  Interception,
  Match,
  Mesh,
  MeshedDeployment,
  type MeshOptions,
  MeshReference,
  MeshService,
  MeshWarnings,
  PathRewrite,
  Statsd,
} from '../index.ts';
import { injectPod, uninjectManifest } from '../inject/index.ts';
import { meshInstall } from './install.ts';

vi.spyOn(process, 'emitWarning').mockImplementation(() => {});

const dataPlane = DataPlane.linkerd2('cr.l5d.io/linkerd/proxy:edge-26.11.1');
let app: App;
let chart: Chart;
beforeEach(() => {
  app = new App();
  MeshReference.of(app, { dataPlane, version: '1.2.3' });
  chart = new Chart(app, 'shop', { namespace: 'shop' });
});
const orders = (mesh: MeshOptions = {}) =>
  new MeshedDeployment(chart, 'orders', { containers: [{ image: 'orders:1', portNumber: 8080 }], mesh });
const pod = {
  metadata: { annotations: { 'tulle.dev/inject': 'enabled' } },
  spec: { containers: [{ name: 'a', ports: [{ containerPort: 80 }] }] },
};

describe('with Linkerd’s proxy as data plane', () => {
  it('a pod is redirected by the mesh’s own init container to that proxy', () => {
    orders({ injection: Injection.static() });
    const [deployment] = Testing.synth(chart).filter(({ kind }) => kind === 'Deployment');
    expect(deployment.spec.template).toMatchSnapshot();
    expect(uninjectManifest(deployment).object.spec?.template).not.toHaveProperty([
      'metadata',
      'annotations',
      'tulle.dev/data-plane',
    ]);
  });

  it('a proxy that is no native sidecar is waited for as Linkerd’s is', () => {
    const annotations = { ...pod.metadata.annotations, 'config.tulle.dev/proxy-enable-native-sidecar': 'false' };
    const injected = injectPod({ ...pod, metadata: { annotations } }, meshInstall({ dataPlane }).config).pod;
    expect(injected.spec?.containers?.[0].lifecycle).toEqual({
      postStart: { exec: { command: ['/usr/lib/linkerd/linkerd-await', '--timeout=2m', '--port=4191'] } },
    });
  });

  it('the injector of the cluster makes the same pods of the install’s values', () => {
    const mesh = new Mesh(new Chart(new App(), 'mesh'), 'mesh', { dataPlane, registry: 'r.example' });
    const values = Testing.synth(Chart.of(mesh)).find(({ metadata }) => metadata.name === 'tulle-config').data.values;
    const config = parseInjectConfig(values);
    expect(config).toEqual(meshInstall({ dataPlane, registry: 'r.example' }).config);
    const { spec, metadata } = injectPod(pod, config).pod;
    expect(spec?.initContainers?.map(({ name, image }) => [name, image])).toEqual([
      ['tulle-init', expect.stringMatching(/^r\.example\/tulle-proxy:/)],
      ['tulle-proxy', 'cr.l5d.io/linkerd/proxy:edge-26.11.1'],
    ]);
    expect(metadata?.annotations).toMatchObject({
      'tulle.dev/data-plane': 'linkerd2',
      'linkerd.io/proxy-version': 'edge-26.11.1',
    });
  });

  it('values of another type are refused, with their place', () => {
    expect(() => parseInjectConfig('{ "linkerd2": { "image": 7 } }')).toThrow('linkerd2.image must be a string');
  });

  it('pods of explicit mode, and those of the control plane, have the mesh’s own', () => {
    const explicit = injectPod(
      { ...pod, metadata: { annotations: { 'tulle.dev/inject': 'explicit' } } },
      meshInstall({ dataPlane, version: '1.2.3' }).config,
    );
    expect(explicit.pod.spec?.initContainers?.map(({ image }) => image)).toEqual(['tulle-proxy:1.2.3']);
    expect(explicit.pod.metadata?.annotations).not.toHaveProperty(['tulle.dev/data-plane']);
    expect(explicit.report.problems.map(({ consequence }) => consequence)).toEqual(["the pod has the mesh's own"]);
    const installed = new Chart(new App(), 'mesh');
    new Mesh(installed, 'mesh', { dataPlane, version: '1.2.3', tap: true });
    const images = Testing.synth(installed)
      .filter(({ kind }) => kind === 'Deployment')
      .flatMap(({ spec }) =>
        [...spec.template.spec.initContainers, ...spec.template.spec.containers].map(({ image }) => image),
      );
    expect([...new Set(images)].sort()).toEqual(['tulle-controller:1.2.3', 'tulle-proxy:1.2.3']);
  });

  it('a template cannot say which program its sidecar is', () => {
    const said = {
      ...pod,
      metadata: { annotations: { ...pod.metadata.annotations, 'tulle.dev/data-plane': 'linkerd2' } },
    };
    expect(injectPod(said, meshInstall({}).config).pod.metadata?.annotations).not.toHaveProperty([
      'tulle.dev/data-plane',
    ]);
  });
});

describe('what Linkerd’s proxy does not do', () => {
  const warnings = () => {
    app.synthYaml();
    return MeshWarnings.of(app).map(({ path, code, message }) => `${code} [${path}] ${message}`);
  };

  it('and would leave open or broken fails the synth', () => {
    const web = orders();
    web.mesh.requireJwt({ issuer: 'https://id.example', audiences: ['shop'], jwksUri: 'https://id.example/keys' });
    const opa = new Service(chart, 'opa', { metadata: { name: 'opa' }, ports: [{ port: 9191 }] });
    web.mesh.authorizer(opa);
    new FaultInjection(chart, 'slow', { delay: Duration.seconds(1), delayPercent: 1 });
    const filters = [Filter.cors({ allowOrigins: ['*'] }), Filter.rewrite({ path: PathRewrite.prefix('/') })];
    new HttpRoute(chart, 'route', { parent: web, rules: [{ matches: [Match.pathPrefix('/a')], filters }, {}] });
    const failure = () => {
      try {
        return app.synthYaml();
      } catch (error) {
        return (error as Error).message;
      }
    };
    const [first, ...lines] = failure().split('\n');
    expect(first).toBe("Linkerd's proxy, the data plane of the mesh, cannot do it:");
    expect(lines).toEqual([
      expect.stringMatching(
        /^ {2}\[shop\/orders\S+] RequestAuthentication shop\/\S+ Linkerd's proxy checks no tokens of end users/,
      ),
      expect.stringMatching(
        /^ {2}\[shop\/orders\S+] ExternalAuthorization shop\/\S+ Linkerd's proxy asks no authorizer/,
      ),
      expect.stringMatching(/^ {2}\[shop\/route\/Resource] HTTPRoute shop\/\S+ Linkerd's proxy has no filter CORS/),
      expect.stringMatching(
        /^ {2}\[shop\/route\/Resource] HTTPRoute shop\/\S+ Linkerd's proxy has no filter URLRewrite/,
      ),
      expect.stringMatching(/^ {2}\[shop\/slow\S*] FaultInjection shop\/\S+ Linkerd's proxy delays nothing/),
    ]);
  });

  it('and merely leaves undone is warned of, once', () => {
    const web = orders({ proxy: { statsd: Statsd.server('statsd.monitoring') } });
    MeshService.of(web).configure({ hedging: { after: Duration.millis(20) }, ownZone: {} });
    warnings();
    const told = "does nothing: Linkerd's proxy does not know it. DataPlane.tulle() has it";
    expect(warnings()).toEqual([
      `TULLE_NOT_OF_DATA_PLANE [shop/orders/Resource] the setting statsd-address ${told}`,
      expect.stringContaining(`balancer.tulle.dev/zones, hedge.tulle.dev/after ${told}`),
    ]);
  });

  it('in explicit mode is done by the mesh’s own, which is warned of', () => {
    orders({ injection: Injection.explicit() });
    expect(warnings()).toEqual([
      "TULLE_NOT_OF_DATA_PLANE [shop/orders/Resource] explicit mode is none of Linkerd's proxy: the pods have the mesh's own. DataPlane.tulle() has it",
    ]);
  });

  it('is no matter where the mesh’s own proxy is the data plane', () => {
    app = new App();
    MeshReference.of(app, { dataPlane: DataPlane.tulle() });
    chart = new Chart(app, 'shop', { namespace: 'shop' });
    new FaultInjection(chart, 'slow', { delay: Duration.seconds(1), delayPercent: 1 });
    MeshService.of(orders()).configure({ hedging: { after: Duration.millis(20) } });
    expect(warnings()).toEqual([]);
  });
});

it.each<[string, () => unknown, string]>([
  [
    'an image without tag',
    () => DataPlane.linkerd2('r.example:5000/proxy'),
    "'image' (r.example:5000/proxy) must have a tag",
  ],
  ['an image that is none', () => DataPlane.linkerd2('A B:1'), "'image' (A B) must be an image such as"],
  ['a tag that is none', () => DataPlane.linkerd2('proxy:'), "'image' ('') must not be empty"],
  [
    'explicit interception',
    () => meshInstall({ dataPlane, interception: Interception.explicit() }),
    "'dataPlane' (cr.l5d.io/linkerd/proxy:edge-26.11.1) must be DataPlane.tulle() beside Interception.explicit()",
  ],
  [
    'another image of the proxy',
    () => meshInstall({ dataPlane, proxy: { image: 'other/proxy' } }),
    "'proxy' (other/proxy) must name no image and no version: 'dataPlane' has said cr.l5d.io/linkerd/proxy:edge-26.11.1",
  ],
])('refuses %s', (_, make, message) => expect(make).toThrow(message));
