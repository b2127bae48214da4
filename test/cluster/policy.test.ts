import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { run } from '../../cli/testing/run.ts';
import { parseExposition } from '../../lib/figures/exposition.ts';
import { describeOnCluster } from './cluster.ts';
import { identityOf } from './mesh.ts';
import { account, fetchCommand, meshedNamespace, pageServer, pod, program, service } from './pods.ts';
import { Metrics } from './sidecar.ts';

const ns = 'tulle-test-policy';
const policyGroup = 'policy.linkerd.io';

/** The status of gRPC, which comes with the head of a refusal. */
const grpcCall = (authority: string, path: string): string[] => [
  'node',
  '--input-type=module',
  '--eval',
  `const { connect } = await import('node:http2');
   const session = connect('http://${authority}');
   const call = session.request({ ':method': 'POST', ':path': '${path}', 'content-type': 'application/grpc', te: 'trailers' });
   call.setTimeout(10_000, () => call.destroy(new Error('no answer')));
   call.on('response', (head) => {
     process.stdout.write(head[':status'] + ' ' + head['grpc-status']);
     session.destroy();
   });
   call.end();`,
];

describeOnCluster('policy: a workload whose default is to deny', ({ kubectl, kubeconfig, ensureMesh }) => {
  const ask = (client: string): Promise<string> =>
    kubectl.podExec(client, ns, fetchCommand('http://web/'), client).then((answer) => answer.trim());
  /** The API server is not let in either: the command line comes by a port-forward. */
  const metrics = async (of = 'web') => {
    const { out } = await run(['diagnostics', 'proxy-metrics', `pod/${of}`, '--kubeconfig', kubeconfig, '-n', ns]);
    return new Metrics(parseExposition(out));
  };

  beforeAll(async () => {
    await ensureMesh();
    await kubectl.run(['delete', 'namespace', ns, '--ignore-not-found']);
    const denies = { 'config.tulle.dev/default-inbound-policy': 'deny' };
    // The path of a probe is open to all; so the clients ask for another.
    const readinessProbe = { httpGet: { path: '/index.html', port: 8080 }, periodSeconds: 1 };
    await kubectl.apply([
      meshedNamespace(ns),
      ...['web', 'mail', 'alice', 'bob'].map((name) => account(name, ns)),
      ...['greeter', 'greeted', 'watch-answers'].map((name) => program(name, ns)),
      pod('web', ns, { ...pageServer('web'), annotations: denies, ownAccount: true, readinessProbe }),
      pod('mail', ns, {
        ...{ program: 'greeter', ownAccount: true, ports: [2525] },
        annotations: { ...denies, 'config.tulle.dev/opaque-ports': '2525' },
      }),
      pod('alice', ns, { program: 'greeted', command: ['sleep', '2147483647'], ownAccount: true }),
      pod('bob', ns, { program: 'watch-answers', args: ['http://web/'], ownAccount: true }),
      service('web', ns, 80, 8080),
      service('mail', ns, 25, 2525),
    ]);
    await Promise.all(
      ['web', 'mail', 'alice', 'bob'].map((name) => kubectl.waitFor(`pod/${name}`, 'condition=Ready', ns)),
    );
  });
  afterAll(() => kubectl.run(['delete', 'namespace', ns, '--ignore-not-found', '--wait=false']));

  const policyObject = (version: string, kind: string, name: string, spec: object) => ({
    apiVersion: `${policyGroup}/${version}`,
    kind,
    metadata: { name, namespace: ns },
    spec,
  });
  const allow = (...clients: string[]) => [
    policyObject('v1beta3', 'Server', 'web', { podSelector: { matchLabels: { app: 'web' } }, port: 8080 }),
    policyObject('v1alpha1', 'MeshTLSAuthentication', 'friends', {
      identities: clients.map((client) => identityOf(client, ns)),
    }),
    policyObject('v1alpha1', 'AuthorizationPolicy', 'web', {
      targetRef: { group: policyGroup, kind: 'Server', name: 'web' },
      requiredAuthenticationRefs: [{ group: policyGroup, kind: 'MeshTLSAuthentication', name: 'friends' }],
    }),
  ];

  it('HTTP is refused with 403, gRPC with PERMISSION_DENIED, and it is counted', async () => {
    expect(await ask('alice')).toBe('403');
    expect(await kubectl.podExec('alice', ns, grpcCall('web:80', '/emoji.Service/List'), 'alice')).toBe('200 7');
    const denied = (await metrics()).sum('inbound_http_authz_deny_total', { client_id: identityOf('alice', ns) });
    expect(denied).toBe(2);
  });

  it('a connection of another protocol is closed', async () => {
    const talk = kubectl.podExec('alice', ns, ['node', '/programs/greeted.ts', 'mail', '25'], 'alice');
    await expect(talk).rejects.toThrow(/ECONNRESET/);
    const denied = await metrics('mail');
    expect(denied.sum('inbound_tcp_authz_deny_total', { client_id: identityOf('alice', ns) })).toBe(1);
  });

  it("the kubelet's probe passes all the same", async () => {
    const probes = { route_name: 'probe', status_code: '200' };
    const before = (await metrics()).sum('response_total', probes);
    await vi.waitFor(async () => expect((await metrics()).sum('response_total', probes)).toBeGreaterThan(before), {
      timeout: 20_000,
      interval: 500,
    });
    await kubectl.waitFor('pod/web', 'condition=Ready', ns, 1);
  });

  it('an allowed identity gets through, and no other', async () => {
    await kubectl.apply(allow('alice'));
    await vi.waitFor(async () => expect(await ask('alice')).toBe('200 web'), { timeout: 10_000, interval: 100 });
    expect(await ask('bob')).toBe('403');
    const allowed = (await metrics()).series('inbound_http_authz_allow_total', { authz_name: 'web' });
    expect(allowed.map(({ labels }) => labels['client_id'])).toEqual([identityOf('alice', ns)]);
  });

  it('a change takes effect within a second, either way', async () => {
    // One of bob's requests is under way at any time; his log says when the answer became another.
    const changes = async () => (await kubectl.logs('bob', ns, 'bob')).trim().split('\n');
    for (const [clients, status] of [
      [['alice', 'bob'], '200'],
      [['alice'], '403'],
    ] as const) {
      const before = (await changes()).length;
      await kubectl.apply(allow(...clients));
      const appliedMs = Date.now();
      await vi.waitFor(async () => expect(await changes()).toHaveLength(before + 1), {
        timeout: 10_000,
        interval: 200,
      });
      const [atMs, answer] = (await changes()).at(-1)!.split(' ');
      expect(answer).toBe(status);
      expect(Number(atMs) - appliedMs).toBeLessThan(1000);
    }
  });

  it('a policy that cannot take effect is refused, and its field named', async () => {
    const bad = policyObject('v1alpha1', 'AuthorizationPolicy', 'bad', {
      targetRef: { group: 'apps', kind: 'Deployment', name: 'web' },
      requiredAuthenticationRefs: [{ group: policyGroup, kind: 'MeshTLSAuthentication', name: 'friends' }],
    });
    await expect(kubectl.apply([bad])).rejects.toThrow(
      /admission webhook "tulle-policy-validator\.tulle\.dev" denied the request: .*spec\.targetRef\.kind/,
    );
  });
});
