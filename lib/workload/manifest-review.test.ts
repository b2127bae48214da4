import { ApiObject, App, Chart } from 'cdk8s';
import { ServiceAccount } from 'cdk8s-plus-27';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import {
  Injection,
  MeshedDeployment,
  type MeshedDeploymentProps,
  MeshInjection,
  MeshPeer,
  MeshReference,
  MeshWarnings,
  Port,
  Server,
  TrafficSplit,
} from '../index.ts';

vi.spyOn(process, 'emitWarning').mockImplementation(() => {});

let app: App;
let chart: Chart;
beforeEach(() => {
  app = new App();
  chart = new Chart(app, 'shop', { namespace: 'shop' });
});

function workload(name: string, props: MeshedDeploymentProps = {}): MeshedDeployment {
  const containers = [{ image: name, ports: [{ number: 8080, name: 'http' }, { number: 9090 }] }];
  return new MeshedDeployment(chart, name, { metadata: { name }, containers, ...props });
}
function namespace(annotations: Record<string, string>): void {
  new ApiObject(chart, 'namespace', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop', annotations } });
}
function raw(id: string, annotations: Record<string, string> = {}): ApiObject {
  const containers = [{ name: 'app', image: id }];
  return new ApiObject(chart, id, {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    spec: { template: { metadata: { labels: { app: id }, annotations }, spec: { containers } } },
  });
}
const failure = (): string => {
  try {
    app.synthYaml();
  } catch (error) {
    return (error as Error).message;
  }
  return 'nothing';
};
const warnings = () => {
  app.synthYaml();
  return MeshWarnings.of(app).map(({ path, code }) => `${path} ${code}`);
};

const gatewayRoute = (rule: object): ApiObject =>
  new ApiObject(chart, 'route', {
    ...{ apiVersion: 'gateway.networking.k8s.io/v1', kind: 'HTTPRoute', metadata: { namespace: 'shop' } },
    spec: { parentRefs: [{ name: 'gateway' }], rules: [rule] },
  });

describe('a plain route of the Gateway API in an app', () => {
  const unknown = { backendRef: [] };
  const later = { matches: [{ path: { type: 'Glob', value: '/*' } }], later: true };

  it('is held to the newest release that is known', () => {
    workload('web');
    gatewayRoute(unknown);
    expect(warnings()).toEqual(['shop/route TULLE_GATEWAY_FIELD']);
  });

  it('is held to types alone where the mesh says that the cluster has a later one', () => {
    MeshReference.of(app, { gatewayApiVersion: '1.12' });
    workload('web');
    gatewayRoute(later);
    expect(warnings()).toEqual([]);
  });

  it('is never of a release that is none', () => {
    expect(() => MeshReference.of(app, { gatewayApiVersion: 'newest' })).toThrow(
      "'gatewayApiVersion' (newest) must be a release of the Gateway API, such as 1.6",
    );
  });
});

describe('the synth fails for', () => {
  it.each<[string, () => unknown, string]>([
    [
      'a route of the Gateway API with a value that its release does not know',
      () => {
        workload('web');
        gatewayRoute({ matches: [{ path: { type: 'Glob', value: '/*' } }] });
      },
      '[shop/route] spec.rules[0].matches[0].path.type (Glob) must be one of',
    ],
    [
      'a route of a later release whose field is of another type',
      () => {
        MeshReference.of(app, { gatewayApiVersion: '2.0' });
        workload('web');
        gatewayRoute({ matches: {} });
      },
      '[shop/route] spec.rules[0].matches ({}) must be a list',
    ],
    [
      'a word about injection that nobody knows, at a workload that is no construct of the mesh',
      () => {
        workload('web');
        raw('orders', { 'tulle.dev/inject': 'yes' });
      },
      `[shop/orders] spec.template.metadata.annotations["tulle.dev/inject"] 'yes' must be one of`,
    ],
    [
      'callers of a workload that has no sidecar to refuse the others',
      () => {
        namespace({ 'tulle.dev/inject': 'disabled' });
        const podMetadata = { annotations: { 'tulle.dev/inject': 'disabled' } };
        workload('orders', { podMetadata, mesh: { injection: Injection.disabled() } }).mesh.allowFrom(workload('web'));
      },
      '[shop/orders/Resource] Deployment shop/orders: has no sidecar, and Server shop/orders-8080 says who may call it',
    ],
    [
      'an object whose name another one has',
      () => {
        new ServiceAccount(chart, 'account', { metadata: { name: 'web' } });
        workload('orders').mesh.allowFrom(workload('web'));
      },
      '[shop/web/Resource/mesh-serviceaccount-web] is derived from its workload, and ServiceAccount shop/web is at shop/account/Resource already',
    ],
    [
      'a second Server of a port, by its number',
      () => {
        const orders = workload('orders');
        new Server(chart, 'server', { pods: orders, port: Port.number(9090) });
        orders.mesh.allowFrom(workload('web'));
      },
      '[shop/server/Resource] spec.port is that of Server shop/orders-9090, too: port 9090 of Deployment shop/orders has two',
    ],
    [
      'a second Server of a port, by its name',
      () => {
        const orders = workload('orders');
        new Server(chart, 'server', { pods: orders, port: Port.named('http') });
        orders.mesh.rateLimit({ perIdentity: 1 });
      },
      '[shop/server/Resource] spec.port is that of Server shop/orders-8080, too: port 8080 of Deployment shop/orders has two',
    ],
    [
      'an unmeshed workload in a namespace that takes meshed clients alone',
      () => {
        namespace({ 'config.linkerd.io/default-inbound-policy': 'all-authenticated' });
        raw('legacy');
        workload('orders');
      },
      "[shop/legacy] Deployment shop/shop-legacy-c860c4aa: is in the namespace shop, whose default-inbound-policy is 'all-authenticated', and has no sidecar",
    ],
  ])('%s', (_, make, message) => {
    make();
    expect(failure()).toContain(message);
  });
});

it('null stands for nothing in what others have written', () => {
  const parentRefs = [{ group: '', kind: 'Service', name: 'web', port: null }];
  const object = (id: string, apiVersion: string, kind: string, spec: object) =>
    new ApiObject(chart, id, { apiVersion, kind, metadata: { name: id, annotations: null as never }, ...{ spec } });
  for (const id of ['a', 'b']) {
    const matches = [{ headers: null, path: null, method: id === 'a' ? 'GET' : 'PUT', queryParams: null }];
    const rules = [{ matches, filters: null, backendRefs: null }];
    object(id, 'gateway.networking.k8s.io/v1', 'HTTPRoute', { parentRefs, hostnames: null, rules });
  }
  object('server', 'policy.linkerd.io/v1beta3', 'Server', { podSelector: { matchLabels: null }, port: 8080 });
  const containers = [{ name: 'app', image: 'app', ports: null, livenessProbe: null }];
  object('app', 'apps/v1', 'Deployment', { template: { metadata: null, spec: { containers } } });
  workload('orders');
  expect(failure()).toBe('nothing');
});

it('a strict namespace may have a workload that is told to have no sidecar, and those that are meshed', () => {
  namespace({ 'config.tulle.dev/default-inbound-policy': 'deny' });
  raw('told', { 'tulle.dev/inject': 'disabled' });
  raw('meshed').with(new MeshInjection());
  workload('orders');
  expect(failure()).toBe('nothing');
});

it('a Server of another port, of other pods or of another namespace is in nobody’s way', () => {
  const orders = workload('orders');
  new Server(chart, 'server', { pods: orders, port: Port.number(8080) });
  new Server(chart, 'others', { pods: workload('web'), port: Port.number(9090) });
  new Server(new Chart(app, 'bank', { namespace: 'bank' }), 'elsewhere', { pods: orders, port: Port.number(9090) });
  orders.mesh.rateLimit({ perIdentity: 1, ports: [9090] });
  expect(failure()).toBe('nothing');
});

describe('a warning tells of', () => {
  const scraped = (port: string) => ({
    podMetadata: { annotations: { 'prometheus.io/scrape': 'true', 'prometheus.io/port': port } },
  });
  const jwks = '{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}';

  it.each<[string, () => unknown, string[]]>([
    [
      'a scrape that is refused',
      () => workload('orders', scraped('9090')).mesh.allowFrom(workload('web')),
      ['shop/orders/Resource TULLE_SCRAPE_REFUSED'],
    ],
    [
      'a scrape without a token',
      () => workload('orders', scraped('9090')).mesh.requireJwt({ issuer: 'me', jwks }),
      ['shop/orders/Resource TULLE_SCRAPE_REFUSED'],
    ],
    [
      'no scrape that is let in',
      () => workload('orders', scraped('9090')).mesh.allowFrom(workload('web')).allowUnmeshed(9090),
      [],
    ],
    [
      'no scrape that needs no token',
      () => workload('orders', scraped('9090')).mesh.requireJwt({ issuer: 'me', jwks, ports: [8080] }),
      [],
    ],
    [
      'no scrape of a port that is not guarded',
      () => workload('orders', scraped('9999')).mesh.allowFrom(workload('web')),
      [],
    ],
    [
      'an account that nobody runs as',
      () => workload('orders').mesh.allowFrom(MeshPeer.serviceAccount('wbe', 'shop')),
      ['shop/orders/Resource/mesh-meshtlsauthentication-orders-callers TULLE_NO_ACCOUNT'],
    ],
    [
      'no account of a namespace of which nothing is known',
      () => workload('orders').mesh.allowFrom(MeshPeer.serviceAccount('till', 'bank')),
      [],
    ],
    [
      'a backend that its namespace lets nobody name, and a route that is for no client',
      () => {
        const exposed = (name: string, of: Chart) => {
          const containers = [{ image: name, portNumber: 8080 }];
          const made = new MeshedDeployment(of, name, { metadata: { name }, containers });
          made.exposeViaService({ name });
          return made;
        };
        const till = exposed('till', new Chart(app, 'bank', { namespace: 'bank' }));
        const orders = exposed('orders', chart);
        new TrafficSplit(chart, 'split', { service: orders, backends: [orders, till].map((service) => ({ service })) });
        const routes = new Chart(app, 'routes', { namespace: 'routes' });
        new TrafficSplit(routes, 'till', { service: till, backends: [{ service: till }] });
      },
      ['shop/split/Default/Resource TULLE_NO_GRANT', 'routes/till/Default/Resource TULLE_NO_CLIENT'],
    ],
  ])('%s', (_, make, told) => {
    make();
    expect(warnings()).toEqual(told);
  });
});
