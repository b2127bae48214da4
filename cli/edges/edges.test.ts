import { afterAll, beforeAll, expect, it } from 'vitest';
import type { EdgeRow } from '../../lib/figures/query.ts';
import { servePods } from '../testing/pods-of-processes.ts';
import { type CommandRun, run } from '../testing/run.ts';
import { shownEdges } from './edge-rows.ts';
import { edgesTable } from './edges.ts';

const id = (account: string): string => `${account}.shop.serviceaccount.identity.tulle.cluster.local`;
const edge = (seenBy: EdgeRow['seenBy'], more: Partial<EdgeRow> = {}): EdgeRow => ({
  ...{ source: 'web', sourceNamespace: 'shop', target: 'db', targetNamespace: 'shop', seenBy },
  ...{ account: 'web-account', peerIdentity: id('db'), requests: 7, connections: 1, insecure: undefined },
  ...more,
});
/** The same calls, as the called one tells them. */
const mirrored = edge('target', { source: 'web-account', account: 'db', peerIdentity: id('web-account') });

it('what both sidecars tell of one pair is one edge, with the workload that calls and both identities', () => {
  expect(shownEdges([mirrored, edge('source')])).toEqual([
    {
      ...{ source: 'web', target: 'db', sourceNamespace: 'shop', targetNamespace: 'shop' },
      ...{ clientId: id('web-account'), serverId: id('db'), secured: true, requests: 7, connections: 1 },
    },
  ]);
});

it('a caller whose sidecar was not asked is named by its account, one without an identity is unknown', () => {
  const plain = edge('target', {
    ...{ source: 'unknown', sourceNamespace: '', account: 'db', peerIdentity: '', insecure: 'no_tls_from_remote' },
  });
  expect(edgesTable(shownEdges([mirrored, plain]), false)).toBe(
    [
      'SRC           DST   SRC_NS   DST_NS   SECURED',
      'unknown       db    -        shop     no_tls_from_remote',
      'web-account   db    shop     shop     √',
      '',
    ].join('\n'),
  );
});

it('of namespaces, the callers are namespaces too, and what is alike of them is one row', () => {
  const inbound = (account: string, target = 'shop'): EdgeRow =>
    edge('target', { source: account, target, account: 'db', peerIdentity: id(account) });
  const outbound = (account: string): EdgeRow => edge('source', { source: 'shop', target: 'shop', account });
  const shown = shownEdges([inbound('web'), inbound('bot'), outbound('api'), outbound('web')], 'namespace');
  expect(shown.map(({ source, clientId }) => [source, clientId])).toEqual(
    ['bot', 'api', 'web'].map((account) => ['shop', id(account)]),
  );
  expect(edgesTable(shown, false)).toBe(
    ['SRC    DST    SRC_NS   DST_NS   SECURED', 'shop   shop   shop     shop     √', ''].join('\n'),
  );
  expect(edgesTable(shown, true).split('\n')).toHaveLength(5);
});

it('calls in plaintext beside secured ones are an edge of their own', () => {
  const plain = edge('source', { peerIdentity: '', insecure: 'not_provided_by_service_discovery' });
  const rows = shownEdges([edge('source'), plain]);
  expect(rows.map(({ secured, reason, clientId }) => [secured, reason, clientId])).toEqual([
    [true, undefined, id('web-account')],
    [false, 'not_provided_by_service_discovery', undefined],
  ]);
});

let cluster: Awaited<ReturnType<typeof servePods>>;
beforeAll(async () => {
  const labels = `direction="outbound",tls="true",server_id="${id('db')}",dst_deployment="db",dst_namespace="shop"`;
  const pod = {
    metadata: { name: 'web-1', namespace: 'shop', ownerReferences: [{ kind: 'ReplicaSet', name: 'web-abc' }] },
    spec: { serviceAccountName: 'web', initContainers: [{ name: 'tulle-proxy' }] },
    status: { phase: 'Running' },
  };
  const owner = { kind: 'Deployment', name: 'web' };
  cluster = await servePods({
    ports: {},
    answers: {
      '/api/v1/namespaces/shop/pods': { items: [pod] },
      '/apis/apps/v1/namespaces/shop/deployments': { items: [{ metadata: { name: 'web', namespace: 'shop' } }] },
      '/apis/apps/v1/namespaces/shop/replicasets': {
        items: [{ metadata: { name: 'web-abc', namespace: 'shop', ownerReferences: [owner] } }],
      },
      '/api/v1/namespaces/shop/pods/web-1:4191/proxy/metrics': `request_total{${labels}} 5\n`,
    },
  });
});
afterAll(() => cluster.close());
const edges = (...args: string[]): Promise<CommandRun> =>
  run(['edges', '-n', 'shop', ...args, '--kubeconfig', cluster.kubeconfig]);

it('asks the sidecars of a cluster, since they began or of a window', async () => {
  expect((await edges('deploy', '-o', 'wide')).out).toMatch(
    /^SRC +DST .* CLIENT_ID +SERVER_ID +REQUESTS +CONNECTIONS +SECURED\nweb +db +shop +shop +web\.shop\.\S+ +db\.shop\.\S+ +5 +0 +√\n$/,
  );
  const { error } = await edges('deploy', '-t', '100ms').catch((failure) => failure);
  expect(error.message).toBe('no call from or to deployment was counted');
  const missing = await edges('deploy/nobody').catch((failure) => failure);
  expect(missing.error.message).toBe('no deployment/nobody in namespace shop (-n names another, -A all)');
});
