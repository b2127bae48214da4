import { App, Chart, Duration } from 'cdk8s';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  ApiDescription,
  DataPlane,
  EgressPolicy,
  EgressTraffic,
  HttpRoute,
  Injection,
  MeshedDeployment,
  type MeshProps,
  MeshReference,
  MeshService,
  RequestCondition,
  ResponseCondition,
  RouteParent,
  ServiceProfile,
  TcpRoute,
  TlsRoute,
} from '../../../lib/index.ts';
import type { PodTemplate } from '../../../lib/inject/index.ts';
import { gatewayApi } from '../gateway-api.ts';
import { apiServerMissing, startApiServer, type TestApiServer } from './api-server.ts';
import { meshInstall, meshObjects } from './mesh-objects.ts';

describe.skipIf(apiServerMissing)(`the manifests${apiServerMissing ? ` (${apiServerMissing})` : ''}`, () => {
  let server: TestApiServer;
  beforeAll(async () => {
    server = await startApiServer();
    await apply([], ...meshObjects('Namespace', 'CustomResourceDefinition'));
    await apply([], {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'restricted', labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
    });
  }, 120_000);
  afterAll(() => server?.stop());

  const apply = (flags: readonly string[], ...items: object[]) =>
    server.kubectl(['apply', '-f', '-', ...flags], JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));

  test.each<[string, MeshProps]>([
    ['the default', {}],
    ['high availability', { highAvailability: true }],
    ['network policies', { networkPolicies: true }],
    ['what pods of components can be told', { runtimeClassName: 'gvisor', imagePullSecrets: ['pull'], tap: true }],
  ])('with %s are taken by the API server, which knows every field', async (_name, props) => {
    const objects = meshInstall(props);
    const told = await apply(['--dry-run=server', '--validate=strict'], ...objects);
    expect(told.trim().split('\n')).toHaveLength(objects.length);
  });

  test('of ServiceProfiles, and of pods with Linkerd’s proxy, are too', async () => {
    const app = new App();
    MeshReference.of(app, { dataPlane: DataPlane.linkerd2('cr.l5d.io/linkerd/proxy:edge-26.11.1') });
    const chart = new Chart(app, 'shop', { namespace: 'default' });
    const containers = [{ image: 'orders:1', portNumber: 8080 }];
    const orders = new MeshedDeployment(chart, 'orders', { containers, mesh: { injection: Injection.static() } });
    new ServiceProfile(chart, 'written', {
      service: orders,
      routes: [
        {
          ...{ name: 'a', isRetryable: true, timeout: Duration.millis(10) },
          condition: RequestCondition.not(RequestCondition.all(RequestCondition.of('GET', '/a'))),
          responseClasses: [{ condition: ResponseCondition.statusRange(500, 599), isFailure: true }],
        },
      ],
      retryBudget: { retryRatio: 0.5 },
      dstOverrides: [{ service: orders, weight: 1 }],
    });
    const description = ApiDescription.text(
      '{ "openapi": "3.1.0", "paths": { "/a/{b}": { "get": { "responses": { "5XX": {} } } } } }',
    );
    ServiceProfile.fromOpenApi(chart, 'described', { service: MeshService.of('far'), description });
    app.synthYaml();
    const objects = chart.toJson();
    const told = await apply(['--dry-run=server', '--validate=strict'], ...objects);
    expect(told.trim().split('\n')).toHaveLength(objects.length);
  });

  test.skipIf('missing' in gatewayApi)(
    'of routes are too, where the standard channel of the Gateway API is',
    async () => {
      const { folder } = gatewayApi as { folder: string };
      await server.kubectl(['apply', '--server-side', '-f', folder]);
      const chart = new Chart(new App(), 'shop', { namespace: 'default' });
      const [orders, next] = ['orders', 'next'].map((name) => MeshService.of(name, { port: 80 }));
      const backends = [{ service: orders, weight: 9 }, { service: next }];
      const outside = new EgressPolicy(chart, 'outside', { traffic: EgressTraffic.deny() });
      new TcpRoute(chart, 'split', { parent: orders, backends });
      new TcpRoute(chart, 'itself', { parent: next });
      const hostnames = ['*.api.example', 'pay.example'];
      new TlsRoute(chart, 'out', { parent: RouteParent.egressNetwork(outside, 443), hostnames });
      new HttpRoute(chart, 'http', {
        parent: MeshService.of('web', { port: 80 }),
        retries: { limit: 1 },
        timeouts: { request: Duration.seconds(1) },
        rules: [{ backends, timeouts: { request: Duration.millis(500) } }],
      });
      const objects = chart.toJson();
      const told = await apply(['--dry-run=server', '--validate=strict'], ...objects);
      expect(told.trim().split('\n')).toHaveLength(objects.length);
    },
  );

  test('ask for one thing that PodSecurity restricted refuses: the capabilities of tulle-init', async () => {
    for (const { metadata, ...deployment } of meshObjects('Deployment')) {
      const { template } = deployment['spec'] as { template: PodTemplate };
      const create = (spec: PodTemplate['spec']) =>
        server.client.create('/api/v1/namespaces/restricted/pods?dryRun=All', { metadata: { name: 'pod' }, spec });
      await expect(create(template.spec), metadata.name).rejects.toThrow(
        /violates PodSecurity "restricted:latest": unrestricted capabilities \(container "tulle-init" must not include "NET_ADMIN", "NET_RAW" in securityContext\.capabilities\.add\)$/,
      );
      const initContainers = template.spec?.initContainers?.filter(({ name }) => name !== 'tulle-init');
      await create({ ...template.spec, initContainers });
    }
  });
});
