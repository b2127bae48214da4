import pino from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { startIdentity } from '../../../control-plane/components/identity.ts';
import { KubernetesClient } from '../../../control-plane/kubernetes/client.ts';
import { kubeconfigAccess } from '../../../control-plane/kubernetes/kubeconfig.ts';
import { Flags } from '../../../control-plane/serving/flags.ts';
import { type Kind, kindInfo } from '../../../control-plane/sources/kinds.ts';
import { statusLease } from '../../../lib/contract/names.ts';
import { apiServerMissing, startApiServer, type TestApiServer } from './api-server.ts';
import { AuditLog } from './audit.ts';
import { destinationArgs, startControlPlane } from './control-plane-process.ts';
import { meshObjects } from './mesh-objects.ts';
import { definition, WatchedSource } from './source.ts';

const kinds = Object.keys(kindInfo) as Kind[];
const namespaced = kinds.filter((kind) => kindInfo[kind].namespaced);
const gateway = 'gateway.networking.k8s.io';
const soon = { timeout: 20_000, interval: 50 };

/** With rights in some namespaces and none in the cluster, as somebody has who is no administrator of it. */
describe.skipIf(apiServerMissing)(
  `the control plane of some namespaces${apiServerMissing ? ` (${apiServerMissing})` : ''}`,
  () => {
    let server: TestApiServer;
    let audit: AuditLog;
    let watched: WatchedSource | undefined;

    beforeAll(async () => {
      audit = new AuditLog();
      server = await startApiServer({ flags: audit.flags });
      // What no install brings, and the control plane reads where it is there.
      const others = namespaced.filter((kind) => kindInfo[kind].group === gateway).map((kind) => definition(kind));
      await apply(
        ...meshObjects('CustomResourceDefinition'),
        ...others,
        ...['shop', 'bank', 'closed', 'tulle'].map(namespace),
      );
      await server.kubectl(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=30s']);
      await apply(...['shop', 'bank', 'closed'].map((where) => service(where, 'web')));
    }, 120_000);
    afterAll(async () => {
      await server?.stop();
      audit?.close();
    });
    afterEach(() => {
      watched?.source.close();
      expect(watched?.contradictions ?? []).toEqual([]);
      watched = undefined;
    });

    const apply = (...items: object[]) =>
      server.kubectl(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
    const namespace = (name: string) => ({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name, annotations: { note: name } },
    });
    const service = (where: string, name: string) => ({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace: where },
      spec: { ports: [{ port: 80 }] },
    });
    /** A Role and its binding to a service account of namespace `tulle`. */
    const grant = (account: string, where: string, rules: readonly object[]) => {
      const metadata = { name: account, namespace: where };
      const rbac = 'rbac.authorization.k8s.io';
      return [
        { apiVersion: `${rbac}/v1`, kind: 'Role', metadata, rules },
        {
          apiVersion: `${rbac}/v1`,
          kind: 'RoleBinding',
          metadata,
          roleRef: { apiGroup: rbac, kind: 'Role', name: account },
          subjects: [{ kind: 'ServiceAccount', name: account, namespace: 'tulle' }],
        },
      ];
    };
    const rule = (group: string, resources: readonly string[], verbs: readonly string[]) => ({
      apiGroups: [group],
      resources,
      verbs,
    });
    const reading = [
      ...namespaced.map((kind) => rule(kindInfo[kind].group, [kindInfo[kind].plural], ['list', 'watch'])),
      rule('', ['namespaces'], ['get']),
    ];
    const kubeconfigOf = async (account: string) =>
      server.kubeconfigFor({ token: await server.token('tulle', account) });
    const read = async (kubeconfig: string, namespaces: readonly string[]): Promise<WatchedSource> => {
      const access = await kubeconfigAccess(kubeconfig, { onProblem: () => {} });
      watched = new WatchedSource(new KubernetesClient(access), kinds, { scope: { namespaces } });
      return watched;
    };
    const refusedOrElsewhere = (account: string) =>
      audit
        .accesses('tulle')
        .filter((access) => access.account === `tulle/${account}`)
        .filter(({ allowed, namespace }) => !allowed || namespace === undefined);

    test('a source reads by the Roles of its namespaces, and never asks for more', async () => {
      await apply(...['shop', 'bank'].flatMap((where) => grant('reader', where, reading)));
      const { source, keys, objects } = bound(await read(await kubeconfigOf('reader'), ['shop', 'bank']));
      await source.synced;
      expect(keys('Service')).toEqual(['bank/web', 'shop/web']);
      expect(keys('Namespace')).toEqual(['bank', 'shop']);
      expect(objects.get('Namespace')?.get('shop')?.metadata.annotations).toMatchObject({ note: 'shop' });
      expect(keys('Node')).toEqual([]);
      await apply(service('bank', 'late'), service('closed', 'late'));
      await vi.waitFor(() => expect(keys('Service')).toEqual(['bank/late', 'bank/web', 'shop/web']), soon);
      await server.kubectl(['delete', 'service', '--namespace=bank', 'late']);
      await vi.waitFor(() => expect(keys('Service')).toEqual(['bank/web', 'shop/web']), soon);
      expect(refusedOrElsewhere('reader')).toEqual([]);
    });

    test('a namespace that is refused is told and holds up no other, until it is granted', async () => {
      await apply(...grant('guest', 'shop', reading));
      const { source, keys, logged } = bound(await read(await kubeconfigOf('guest'), ['shop', 'closed']));
      let synced = false;
      void source.synced.then(() => {
        synced = true;
      });
      await vi.waitFor(() => expect(keys('Service')).toEqual(['shop/web']), soon);
      await vi.waitFor(async () => {
        expect(await watched?.count('restarts_total', { kind: 'Service', reason: 'forbidden' })).toBeGreaterThan(2);
      }, soon);
      expect(synced).toBe(false);
      const told = logged.filter(({ fix }) => fix !== undefined);
      expect(told.map(({ namespace }) => namespace)).toEqual([...namespaced, 'Namespace'].map(() => 'closed'));
      expect(await watched?.count('forbidden', { namespace: 'closed' })).toBe(told.length);
      expect(await watched?.count('forbidden', { namespace: 'shop' })).toBe(0);

      await apply(...grant('guest', 'closed', reading));
      await source.synced;
      expect(keys('Service')).toContain('closed/web');
    });

    test('where a Role gives the objects and not the Namespace, one without annotations stands in for it', async () => {
      await apply(...grant('modest', 'shop', reading.slice(0, -1)));
      const { source, objects } = bound(await read(await kubeconfigOf('modest'), ['shop']));
      await source.synced;
      const shop = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } };
      expect([...(objects.get('Namespace')?.values() ?? [])]).toEqual([shop]);
    });

    test('a namespace that does not exist keeps nothing waiting, and is read once it does', async () => {
      const { source, keys, logged } = bound(await read(server.kubeconfig, ['shop', 'new']));
      await source.synced;
      expect(keys('Namespace')).toEqual(['shop']);
      expect(await watched?.count('namespace_absent', { namespace: 'new' })).toBe(1);
      await apply(namespace('new'), service('new', 'web'));
      await vi.waitFor(
        () =>
          expect([keys('Namespace'), keys('Service')]).toEqual([
            ['new', 'shop'],
            ['new/web', 'shop/web'],
          ]),
        soon,
      );
      expect(logged.filter(({ level, namespace }) => namespace === 'new' && Number(level) >= 50)).toHaveLength(1);
    });

    test('more watches than the API server takes on a connection all go on', async () => {
      const names = Array.from({ length: 10 }, (_, index) => `many-${index}`);
      await apply(...names.map(namespace));
      const { source, keys } = bound(await read(server.kubeconfig, names));
      await source.synced;
      const wanted = names.length * namespaced.length;
      await vi.waitFor(async () => expect(await watched?.count('watches_total', {})).toBe(wanted), soon);
      await apply(...names.map((where) => service(where, 'web')));
      await vi.waitFor(() => expect(keys('Service')).toHaveLength(names.length), soon);
      expect(await watched?.count('restarts_total', {})).toBe(0);
    });

    test('destination runs by Roles alone: it serves, writes the status of routes, and is refused nothing', async () => {
      const routes = [
        rule('policy.linkerd.io', ['httproutes/status'], ['patch']),
        rule('gateway.networking.k8s.io', ['httproutes/status', 'grpcroutes/status'], ['patch']),
      ];
      const leases = [
        rule('coordination.k8s.io', ['leases'], ['create']),
        { ...rule('coordination.k8s.io', ['leases'], ['get', 'update']), resourceNames: [statusLease] },
      ];
      const route = (where: string) => ({
        apiVersion: 'policy.linkerd.io/v1beta3',
        kind: 'HTTPRoute',
        metadata: { name: 'web', namespace: where },
        spec: { parentRefs: [{ group: '', kind: 'Service', name: 'web', port: 80 }], rules: [{}] },
      });
      await apply(
        ...['shop', 'bank'].flatMap((where) => [...grant('destination', where, [...reading, ...routes]), route(where)]),
        ...grant('destination', 'tulle', leases),
        route('closed'),
      );
      const args = destinationArgs(await kubeconfigOf('destination'));
      const destination = await startControlPlane('destination', [...args, '--namespaces=shop,bank']);
      try {
        expect([await destination.ready(), destination.httpsPorts]).toEqual([200, []]);
        expect(await destination.metric('kubernetes_source_objects{kind="Service"}')).toBe(2);
        const status = async (where: string) => {
          const path = `/apis/policy.linkerd.io/v1beta3/namespaces/${where}/httproutes/web`;
          return (await server.client.get<{ status?: { parents: object[] } }>(path)).status?.parents.length;
        };
        await vi.waitFor(async () => expect([await status('shop'), await status('bank')]).toEqual([1, 1]), soon);
        expect(await status('closed')).toBeUndefined();
      } finally {
        expect(await destination.stop()).toBe(0);
      }
      expect(refusedOrElsewhere('destination')).toEqual([]);
    });

    test('identity publishes the trust anchors to its namespaces by Roles alone', async () => {
      const account = 'tulle-identity';
      const own = meshObjects('ServiceAccount', 'Role', 'RoleBinding').filter(
        ({ metadata }) => metadata.name.includes('identity') && metadata.namespace === 'tulle',
      );
      const anchors = {
        ...rule('', ['configmaps'], ['list', 'create', 'patch']),
        resourceNames: ['tulle-identity-trust-roots'],
      };
      const events = rule('', ['events'], ['create', 'patch']);
      await apply(
        ...own,
        ...grant(`${account}-events`, 'tulle', [events]).map((object) =>
          'subjects' in object
            ? { ...object, subjects: [{ kind: 'ServiceAccount', name: account, namespace: 'tulle' }] }
            : object,
        ),
        ...['shop', 'bank'].flatMap((where) => grant(account, where, [anchors, rule('', ['namespaces'], ['get'])])),
      );
      const identity = await startIdentity(
        new Flags({
          addr: '127.0.0.1:0',
          'admin-addr': '127.0.0.1:0',
          kubernetes: true,
          kubeconfig: await kubeconfigOf(account),
          tokens: 'published-keys',
          namespaces: 'shop,bank',
        }),
        pino({ level: 'silent' }),
        Date.now,
        {},
      );
      try {
        expect((await fetch(`http://127.0.0.1:${identity.adminPort}/ready`)).status).toBe(200);
        await vi.waitFor(async () => {
          const { items } = await server.client.get<{ items: { metadata: { namespace: string } }[] }>(
            '/api/v1/configmaps',
            { fieldSelector: 'metadata.name=tulle-identity-trust-roots' },
          );
          expect(items.map(({ metadata }) => metadata.namespace).sort()).toEqual(['bank', 'shop', 'tulle']);
        }, soon);
      } finally {
        await identity.stop();
      }
      // The keys that tokens are checked with are nobody's in particular.
      const published = ['/openid/v1/jwks', '/.well-known/openid-configuration'];
      const others = refusedOrElsewhere(account).filter(({ resource }) => !published.includes(resource));
      expect(others).toEqual([]);
    });
  },
);

/** Methods that can be called by themselves. */
function bound(watched: WatchedSource) {
  return {
    source: watched.source,
    objects: watched.objects,
    logged: watched.logged,
    keys: (kind: Kind) => watched.keys(kind),
  };
}
