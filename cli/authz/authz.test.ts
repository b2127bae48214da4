import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { noTraffic } from '../../lib/figures/traffic.ts';
import type { HeldAuthorization } from '../../model/held-authorization.ts';
import { type FakeApi, fakeApi } from '../testing/fake-api.ts';
import { type CommandRun, run } from '../testing/run.ts';
import { authzTable, withTraffic } from './authz-rows.ts';

const folder = mkdtempSync(join(tmpdir(), 'tulle-authz-'));
afterAll(() => rmSync(folder, { recursive: true }));

const workload = (name: string, annotations: Record<string, string> = { 'tulle.dev/inject': 'enabled' }): object => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name, namespace: 'shop' },
  spec: {
    template: {
      metadata: { labels: { app: name }, annotations },
      spec: { serviceAccountName: name, containers: [{ name, image: 'a:1', ports: [{ containerPort: 8080 }] }] },
    },
  },
});
const policy = (version: string, kind: string, name: string, spec: object): object => ({
  apiVersion: `policy.linkerd.io/${version}`,
  kind,
  metadata: { name, namespace: 'shop' },
  spec,
});
beforeAll(() => {
  const objects = [
    ...['web', 'orders', 'shut'].map((name) => workload(name)),
    workload('plain', {}),
    policy('v1beta3', 'Server', 'orders-http', { podSelector: { matchLabels: { app: 'orders' } }, port: 8080 }),
    policy('v1beta3', 'Server', 'shut', { podSelector: { matchLabels: { app: 'shut' } }, port: 8080 }),
    policy('v1beta1', 'HTTPRoute', 'orders-read', {
      parentRefs: [{ group: 'policy.linkerd.io', kind: 'Server', name: 'orders-http' }],
      rules: [{ matches: [{ method: 'GET', path: { type: 'PathPrefix', value: '/v2' } }] }],
    }),
    policy('v1alpha1', 'AuthorizationPolicy', 'orders-from-web', {
      targetRef: { group: 'policy.linkerd.io', kind: 'HTTPRoute', name: 'orders-read' },
      requiredAuthenticationRefs: [{ kind: 'ServiceAccount', name: 'web' }],
    }),
    policy('v1beta1', 'ServerAuthorization', 'orders-old', {
      server: { name: 'orders-http' },
      client: { unauthenticated: true, networks: [{ cidr: '10.0.0.0/8', except: ['10.1.0.0/16'] }] },
    }),
  ];
  writeFileSync(join(folder, 'all.yaml'), objects.map((object) => stringify(object)).join('---\n'));
});
const authz = (...args: string[]): Promise<CommandRun> =>
  run(['authz', '-n', 'shop', ...args, '--manifests', folder]).catch((failed) => failed);

it('tells of each port the routes, Servers and authorizations, and whom they let in', async () => {
  const web = 'web.shop.serviceaccount.identity.tulle.cluster.local';
  expect((await authz('deploy/orders')).out).toBe(
    [
      'PORT   ROUTE         SERVER        AUTHORIZATION_POLICY   SERVER_AUTHORIZATION   CLIENTS',
      '8080   orders-read   orders-http   -                      orders-old             everybody from 10.0.0.0/8 without 10.1.0.0/16',
      `8080   orders-read   orders-http   orders-from-web        -                      ${web}`,
      '',
    ].join('\n'),
  );
});

it('of all of a kind each row names its workload; where nobody is let in and where there is no sidecar is told', async () => {
  const { out, err } = await authz('deploy', '-o', 'json');
  const rows: Record<string, unknown>[] = JSON.parse(out);
  expect(rows.find(({ workload }) => workload === 'shop/deployment/web')).toMatchObject({
    ...{ port: 8080, server: 'default all-unauthenticated', clients: 'everybody', protocol: 'detect' },
  });
  const shut = rows.find(({ workload }) => workload === 'shop/deployment/shut');
  expect(shut).toMatchObject({ server: 'Server shop/shut', clients: 'nobody' });
  expect(shut).not.toHaveProperty('authorization');
  expect(err).toBe('warning: shop/deployment/plain has no sidecar: whoever reaches it is let in\n');
  expect((await authz('ns/shop', '-o', 'wide')).out).toMatch(/^WORKLOAD +PORT +ROUTE .* PROTOCOL +CLIENTS\n/);
});

it.each([
  [['deploy/nobody'], 'no deployment/nobody in namespace shop (-n names another)', 1],
  [['pod/orders-0'], 'policy is that of workloads: name one, such as deploy/web', 64],
])('%j is refused with what to write', async (args, message, exitCode) => {
  expect((await authz(...args)).error).toMatchObject({ message, exitCode });
});

it('what sidecars counted stands beside each authorization, and refusals once for each route', () => {
  const held = (authorization: string): HeldAuthorization => ({
    ...{ workload: 'shop/deployment/orders', port: 8080, protocol: 'detect', server: 'Server shop/orders-http' },
    ...{ route: undefined, authorization: `AuthorizationPolicy shop/${authorization}`, clients: 'everybody' },
    counted: { server: 'orders-http:8080', route: 'default', authorization },
  });
  const row = (authorization: string, traffic: object) => ({
    ...{ server: 'orders-http:8080', route: 'default', authorization },
    traffic: { ...noTraffic, ...traffic },
  });
  const rows = withTraffic(
    [held('a'), held('b')],
    new Map([['shop/deployment/orders', [row('', { deniedPerSecond: 3 }), row('b', { successes: 4, rps: 2 })]]]),
  );
  expect(authzTable(rows, false)).toBe(
    [
      'PORT   ROUTE   SERVER        AUTHORIZATION_POLICY   SERVER_AUTHORIZATION   CLIENTS     UNAUTHORIZED   SUCCESS      RPS   LATENCY_P50   LATENCY_P95   LATENCY_P99',
      '8080   *       orders-http   a                      -                      everybody         3.0rps         -        -             -             -             -',
      '8080   *       orders-http   b                      -                      everybody         0.0rps   100.00%   2.0rps             -             -             -',
      '',
    ].join('\n'),
  );
});

describe('of a cluster, for who has rights in one namespace alone', () => {
  const items = (...objects: object[]) => ({ items: objects });
  const here = {
    '/apis/apps/v1/namespaces/shop/deployments': items(workload('orders')),
    '/apis/apps/v1/namespaces/shop/statefulsets': items(),
    '/apis/apps/v1/namespaces/shop/daemonsets': items(),
    '/api/v1/namespaces/shop/services': items(),
    '/apis/policy.linkerd.io/v1beta3/namespaces/shop/servers': items(
      policy('v1beta3', 'Server', 'orders-http', { podSelector: { matchLabels: { app: 'orders' } }, port: 8080 }),
    ),
    '/apis/policy.linkerd.io/v1alpha1/namespaces/shop/authorizationpolicies': items(
      policy('v1alpha1', 'AuthorizationPolicy', 'orders-from-web', {
        targetRef: { group: 'policy.linkerd.io', kind: 'Server', name: 'orders-http' },
        requiredAuthenticationRefs: [{ kind: 'ServiceAccount', name: 'web' }],
      }),
    ),
  };
  let api: FakeApi;
  afterEach(() => api.close());
  const ask = async (refuses: (call: string) => boolean, ...args: string[]): Promise<CommandRun> => {
    api = await fakeApi(here, refuses);
    return run(['authz', ...args, '--kubeconfig', api.kubeconfig]).catch((failed) => failed);
  };
  const elsewhere = (call: string): boolean => !/\/namespaces\/shop\//.test(call);

  it('tells what holds there, and what of it is not known', async () => {
    const { out, err, error } = await ask(elsewhere, 'deploy', '-n', 'shop', '-o', 'json');
    expect(error).toBeUndefined();
    expect(JSON.parse(out)).toMatchObject([
      { workload: 'shop/deployment/orders', authorization: 'AuthorizationPolicy shop/orders-from-web' },
    ]);
    expect(err).toMatch(/^warning: annotations of namespace shop are not counted: you may not get namespaces\/shop/m);
    expect(err).toMatch(/^warning: only namespace shop is read: you may not list .*, nor \d+ kinds more$/m);
    expect(err).toMatch(/^warning: the settings of the mesh are taken to be its defaults, .*tulle-config/m);
    expect(err.split('\n')).toHaveLength(4);
  });

  it('names a kind of policy that may not be read there either', async () => {
    const refused = (call: string): boolean => elsewhere(call) || call.endsWith('/authorizationpolicies');
    const { err } = await ask(refused, 'ns/shop');
    expect(err).toContain('warning: authorizationpolicies are not counted: you may not list authorizationpolicies.');
  });

  it('fails where workloads may not be read, and where all namespaces are asked for', async () => {
    const { error } = await ask((call) => elsewhere(call) || call.endsWith('/deployments'), 'deploy', '-n', 'shop');
    expect(error?.message).toContain('you may not list deployments.apps in namespace shop');
    api.close();
    expect((await ask(elsewhere, 'deploy', '-A')).error?.message).toMatch(
      /you may not list \S+ in all namespaces|namespaces/,
    );
  });
});
