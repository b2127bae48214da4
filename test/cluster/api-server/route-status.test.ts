import pino from 'pino';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { KubernetesClient } from '../../../control-plane/kubernetes/client.ts';
import { unfollowedParents } from '../../../control-plane/policy/followed.ts';
import { PolicyIndex } from '../../../control-plane/policy/index/policy-index.ts';
import { type StatusLeader, startStatusLeader } from '../../../control-plane/policy/status/status-leader.ts';
import { KubernetesSource } from '../../../control-plane/sources/kubernetes-source.ts';
import { statusLease } from '../../../lib/contract/names.ts';
import type { HttpLocalRateLimitPolicy } from '../../../lib/kinds/http-local-rate-limit-policy.ts';
import type { RouteParentStatus } from '../../../lib/kinds/route-object.ts';
import { gatewayApi } from '../gateway-api.ts';
import { apiServerMissing, startApiServer, type TestApiServer } from './api-server.ts';
import { type ControlPlaneProcess, destinationArgs, startControlPlane } from './control-plane-process.ts';
import { meshObjects } from './mesh-objects.ts';
import { clientThrough } from './source.ts';
import { TcpProxy } from './tcp-proxy.ts';

const missing = apiServerMissing ?? ('missing' in gatewayApi ? gatewayApi.missing : undefined);

/** Of a route of a Service that is as it should be. */
const ofService = unfollowedParents.has('Service') ? 'Accepted False NotFollowed' : 'Accepted True Accepted';

interface Route {
  readonly status?: { readonly parents: readonly RouteParentStatus[] };
}

describe.skipIf(missing)(`the status of routes${missing ? ` (${missing})` : ''}`, () => {
  let server: TestApiServer;
  let kubeconfig: string;
  const processes: ControlPlaneProcess[] = [];

  beforeAll(async () => {
    server = await startApiServer();
    await apply(
      ...meshObjects('Namespace', 'CustomResourceDefinition'),
      ...meshObjects('ServiceAccount', 'Role', 'RoleBinding', 'ClusterRole', 'ClusterRoleBinding'),
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } },
    );
    const { folder } = gatewayApi as { folder: string };
    await server.kubectl(['apply', '--server-side', '-f', folder]);
    await server.kubectl(['wait', '--for=condition=Established', '--timeout=60s', 'crd', '--all']);
    await apply(
      service('web', { clusterIP: '10.96.0.80' }),
      service('headless', { clusterIP: 'None' }),
      policyServer('web'),
    );
    kubeconfig = server.kubeconfigFor({ token: await server.token('tulle', 'tulle-destination') });
  }, 150_000);
  afterAll(async () => {
    for (const process of processes) await process.stop();
    await server?.stop();
  });

  const apply = (...items: object[]) =>
    server.kubectl(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
  const service = (name: string, spec: object) => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'shop' },
    spec: { ports: [{ port: 80 }], ...spec },
  });
  const policyServer = (name: string) => ({
    apiVersion: 'policy.linkerd.io/v1beta3',
    kind: 'Server',
    metadata: { name, namespace: 'shop' },
    spec: { podSelector: {}, port: 80 },
  });
  const route = (name: string, parentRef: object, backend = 'web', kind = 'HTTPRoute', group = 'gateway') => ({
    apiVersion: group === 'gateway' ? 'gateway.networking.k8s.io/v1' : 'policy.linkerd.io/v1beta3',
    kind,
    metadata: { name, namespace: 'shop' },
    spec: { parentRefs: [parentRef], rules: [{ backendRefs: [{ name: backend, port: 80 }] }] },
  });
  const toService = (name: string) => ({ group: '', kind: 'Service', name, port: 80 });
  const statusOf = async (name: string, plural = 'httproutes', api = 'gateway.networking.k8s.io/v1') => {
    const { status } = await server.client.get<Route>(`/apis/${api}/namespaces/shop/${plural}/${name}`);
    return (status?.parents ?? []).map(({ parentRef, controllerName, conditions = [] }) => [
      `${parentRef.kind} ${parentRef.namespace}/${parentRef.name} ${controllerName}`,
      ...conditions.map(({ type, status: state, reason }) => `${type} ${state} ${reason}`),
    ]);
  };
  const soon = { timeout: 15_000, interval: 100 };
  const startDestination = async (): Promise<ControlPlaneProcess> => {
    const process = await startControlPlane('destination', destinationArgs(kubeconfig));
    processes.push(process);
    return process;
  };
  const writes = ({ lines }: ControlPlaneProcess) =>
    lines.some((line) => line.includes('this replica writes the status of objects'));

  test('is written by one replica; when that one stops, by another', async () => {
    await apply(route('first', toService('web')));
    const replicas = await Promise.all([startDestination(), startDestination()]);
    const accepted = [ofService, 'ResolvedRefs True ResolvedRefs'];
    const parent = 'Service shop/web linkerd.io/policy-controller';
    await vi.waitFor(async () => expect(await statusOf('first')).toEqual([[parent, ...accepted]]), soon);
    expect(replicas.filter(writes)).toHaveLength(1);

    await replicas.find(writes)?.stop();
    await apply(route('second', toService('web')));
    await vi.waitFor(async () => expect(await statusOf('second')).toEqual([[parent, ...accepted]]), {
      ...soon,
      timeout: 30_000,
    });
    expect(replicas.filter(writes)).toHaveLength(2);
  }, 90_000);

  test('tells what is wrong, for every kind of route, and follows what changes', async () => {
    if (!processes.some(writes)) await startDestination();
    const policy = 'policy.linkerd.io/v1beta3';
    await apply(
      route('gone', toService('gone')),
      route('headless', toService('headless')),
      route('no-backend', toService('web'), 'later'),
      route('calls', toService('web'), 'web', 'GRPCRoute'),
      {
        ...route('inbound', { group: 'policy.linkerd.io', kind: 'Server', name: 'web' }, '', 'HTTPRoute', 'policy'),
        spec: { parentRefs: [{ group: 'policy.linkerd.io', kind: 'Server', name: 'web' }], rules: [] },
      },
    );
    const conditions = async (...args: Parameters<typeof statusOf>) =>
      (await statusOf(...args)).flatMap((parent) => parent.slice(1));
    await vi.waitFor(async () => {
      expect(await conditions('gone')).toContain('Accepted False NoMatchingParent');
      expect(await conditions('headless')).toContain('Accepted False NoMatchingParent');
      expect(await conditions('no-backend')).toContain('ResolvedRefs False BackendNotFound');
      expect(await conditions('calls', 'grpcroutes')).toContain(ofService);
      expect(await conditions('inbound', 'httproutes', policy)).toEqual(['Accepted True Accepted']);
    }, soon);
    // A GRPCRoute and an HTTPRoute at one port do not go together, and the GRPCRoute wins.
    expect(await conditions('no-backend')).toContain('Accepted False RouteReasonConflicted');
    await server.kubectl(['delete', 'grpcroute', 'calls', '--namespace=shop']);
    await apply(service('later', { clusterIP: '10.96.0.81' }));
    await vi.waitFor(async () => {
      expect(await conditions('no-backend')).toEqual([ofService, 'ResolvedRefs True ResolvedRefs']);
    }, soon);
  }, 60_000);

  test('is told of rate limits too: of two for one Server the younger, and one of a Server that comes later', async () => {
    if (!processes.some(writes)) await startDestination();
    const rateLimit = (name: string, target: string) => ({
      apiVersion: 'policy.linkerd.io/v1alpha1',
      kind: 'HTTPLocalRateLimitPolicy',
      metadata: { name, namespace: 'shop' },
      spec: {
        targetRef: { group: 'policy.linkerd.io', kind: 'Server', name: target },
        total: { requestsPerSecond: 10 },
      },
    });
    const told = async (name: string) => {
      const path = `/apis/policy.linkerd.io/v1alpha1/namespaces/shop/httplocalratelimitpolicies/${name}`;
      const { status } = await server.client.get<HttpLocalRateLimitPolicy>(path);
      return status?.conditions?.map(({ type, status: state, reason }) => `${type} ${state} ${reason}`);
    };
    await apply(rateLimit('z', 'web'), rateLimit('early', 'coming'));
    await vi.waitFor(async () => {
      expect(await told('z')).toEqual(['Accepted True Accepted']);
      expect(await told('early')).toEqual(['Accepted False NoMatchingTarget']);
    }, soon);
    // The API server knows ages in whole seconds: of one second the first by name is the older.
    await apply(rateLimit('zz', 'web'), policyServer('coming'));
    await vi.waitFor(async () => {
      expect(await told('zz')).toEqual(['Accepted False RateLimitReasonAlreadyExists']);
      expect(await told('early')).toEqual(['Accepted True Accepted']);
    }, soon);
    await server.kubectl(['delete', 'httplocalratelimitpolicy', 'z', '--namespace=shop']);
    await vi.waitFor(async () => expect(await told('zz')).toEqual(['Accepted True Accepted']), soon);
  }, 60_000);

  describe('with a leader that is cut off', () => {
    const lease = 'cut-off';
    const closing: (() => unknown)[] = [];
    afterAll(async () => {
      for (const close of closing.reverse()) await close();
    });

    async function replica(name: string, client: KubernetesClient, elected: string[]): Promise<StatusLeader> {
      const log = pino({ level: 'silent' });
      const source = new KubernetesSource({
        client: server.client,
        log,
        registry: new Registry(),
        now: Date.now,
        random: Math.random,
      });
      const index = new PolicyIndex(source, () => {});
      await source.synced;
      closing.push(() => index.close());
      const told = pino(
        { level: 'info' },
        { write: (line: string) => void (line.includes('this replica writes') && elected.push(name)) },
      );
      const leader = startStatusLeader({
        api: client,
        index,
        clusterNetworks: [],
        log: told,
        namespace: 'tulle',
        lease,
        replica: name,
        now: () => new Date(),
        monotonicMs: () => performance.now(),
        random: Math.random,
        leaseMs: 3000,
      });
      closing.push(() => leader.close());
      return leader;
    }

    test('another takes over when its lease ends', async () => {
      for (const process of processes.splice(0)) await process.stop();
      const proxy = new TcpProxy(server.port);
      const port = await proxy.listen();
      closing.push(() => proxy.close());
      const client = await clientThrough(server, port);
      closing.push(() => client.close());
      const elected: string[] = [];
      await replica('one', client, elected);
      await vi.waitFor(() => expect(elected).toEqual(['one']), soon);
      await replica('two', server.client, elected);
      proxy.refuse();
      await vi.waitFor(() => expect(elected).toEqual(['one', 'two']), soon);
      await apply(route('third', toService('web')));
      await vi.waitFor(async () => expect((await statusOf('third')).flat()).toContain(ofService), soon);
    }, 60_000);
  });

  test(`the lease is the one that the install lets it write: ${statusLease}`, async () => {
    expect((await server.kubectl(['get', 'leases', '--namespace=tulle', '-o', 'name'])).split('\n')).toContain(
      `lease.coordination.k8s.io/${statusLease}`,
    );
  });
});
