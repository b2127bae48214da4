import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { Server, ServerCredentials, type ServerWritableStream } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type ObserveRequest, Tap, type TapEvent, TapEventSchema } from '../../../api/gen/tap_pb.js';
import { grpcHandlers, grpcService } from '../../../api/grpc.ts';
import { type CommandRun, run } from '../../../cli/testing/run.ts';
import { apiServerMissing, startApiServer, type TestApiServer } from './api-server.ts';
import { testCertificate } from './certificates.ts';
import { type ControlPlaneProcess, startControlPlane } from './control-plane-process.ts';
import { meshInstall } from './mesh-objects.ts';

const api = '/apis/tap.linkerd.io/v1alpha1';
const podIp = '127.84.0.7';

/** The tap component behind a real API server, as users meet it, with what the install grants it and nothing more. */
describe.skipIf(apiServerMissing)(`taps of a cluster${apiServerMissing ? ` (${apiServerMissing})` : ''}`, () => {
  let server: TestApiServer;
  let tap: ControlPlaneProcess;
  let folder: string;
  let sidecar: Server;
  let streams: ServerWritableStream<ObserveRequest, TapEvent>[];

  const apply = (...items: object[]) =>
    server.kubectl(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tulle-tap-'));
    const file = (name: string, text: string): string => {
      writeFileSync(join(folder, name), text, { mode: 0o600 });
      return join(folder, name);
    };
    // By this the API server proves to the APIs behind it that it is the API server.
    const authority = await testCertificate('CN=front-proxy-ca');
    const client = await testCertificate('CN=front-proxy-client', authority);
    server = await startApiServer({
      flags: [
        `--requestheader-client-ca-file=${file('ca.crt', authority.cert)}`,
        '--requestheader-allowed-names=front-proxy-client',
        '--requestheader-username-headers=X-Remote-User',
        '--requestheader-group-headers=X-Remote-Group',
        '--requestheader-extra-headers-prefix=X-Remote-Extra-',
        `--proxy-client-cert-file=${file('client.crt', client.cert)}`,
        `--proxy-client-key-file=${file('client.key', client.key)}`,
      ],
    });
    const install = meshInstall({ tap: true });
    const ofKinds = (...kinds: string[]) => install.filter(({ kind }) => kinds.includes(kind));
    await apply(
      ...ofKinds('Namespace'),
      ...ofKinds('ServiceAccount', 'Role', 'RoleBinding', 'ClusterRole', 'ClusterRoleBinding'),
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } },
    );
    await makePods();
    sidecar = await serveSidecar();
    const kubeconfig = server.kubeconfigFor({ token: await server.token('tulle', 'tulle-tap') });
    const args = ['--addr=127.0.0.1:0', '--admin-addr=127.0.0.1:0', `--kubeconfig=${kubeconfig}`];
    tap = await startControlPlane('tap', args);
    // There is no network of Services here: this one leads to the process.
    const [apiService] = ofKinds('APIService');
    const spec = apiService['spec'] as { service: object };
    await apply(
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'tulle-tap', namespace: 'tulle' },
        spec: { type: 'ExternalName', externalName: 'localhost', ports: [{ port: tap.httpsPorts[0] }] },
      },
      { ...apiService, spec: { ...spec, service: { ...spec.service, port: tap.httpsPorts[0] } } },
    );
    await server.kubectl(['wait', '--for=condition=Available', '--timeout=90s', 'apiservice/v1alpha1.tap.linkerd.io']);
    // What leads to it comes to be known a little later.
    await vi.waitFor(async () => expect(await resources()).toContain('deployments.tap.linkerd.io'), {
      timeout: 30_000,
    });
  }, 150_000);
  afterAll(async () => {
    sidecar?.forceShutdown();
    expect(await tap?.stop()).toBe(0);
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Two pods of a Deployment, of which one may be tapped. */
  async function makePods(): Promise<void> {
    const pod = (name: string, env: object[]) => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        ...{ name, namespace: 'shop', labels: { 'pod-template-hash': 'abc' } },
        ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web-abc', uid: 'u', controller: true }],
      },
      spec: { containers: [{ name: 'tulle-proxy', image: 'proxy', env }] },
    });
    const tapped = [
      { name: 'LINKERD2_PROXY_TAP_SVC_NAME', value: 'tap' },
      { name: 'LINKERD2_PROXY_CONTROL_LISTEN_ADDR', value: '0.0.0.0:4190' },
    ];
    await apply(pod('web-abc-1', tapped), pod('web-abc-2', []));
    for (const name of ['web-abc-1', 'web-abc-2']) {
      const status = { phase: 'Running', podIP: podIp, podIPs: [{ ip: podIp }] };
      await server.client.patch(`/api/v1/namespaces/shop/pods/${name}/status`, { status }, 'merge');
    }
  }

  /** A sidecar that tells of one request whenever it is asked. */
  async function serveSidecar(): Promise<Server> {
    streams = [];
    const grpc = new Server();
    grpc.addService(
      grpcService(Tap),
      grpcHandlers(Tap, {
        observe: (call) => {
          streams.push(call);
          call.write(requestEvent);
        },
      }) as never,
    );
    await new Promise<void>((resolve, reject) => {
      grpc.bindAsync(`${podIp}:4190`, ServerCredentials.createInsecure(), (error) =>
        error ? reject(error) : resolve(),
      );
    });
    return grpc;
  }
  const requestEvent = create(TapEventSchema, {
    source: { ip: { ip: { case: 'ipv4', value: 0x7f54_0007 } }, port: 4000 },
    destination: { ip: { ip: { case: 'ipv4', value: 0x7f54_0007 } }, port: 8080 },
    sourceMeta: { labels: { tls: 'true' } },
    proxyDirection: 1,
    event: {
      case: 'http',
      value: {
        event: {
          case: 'requestInit',
          value: {
            id: { base: 1, stream: 2n },
            method: { type: { case: 'registered', value: 0 } },
            authority: 'web',
            path: '/',
            headers: { headers: [{ name: 'x', value: Uint8Array.of(0xe9) }] },
          },
        },
      },
    },
  });

  const resources = () => server.kubectl(['api-resources', '--api-group=tap.linkerd.io', '-o', 'name']);
  const taps = (kubeconfig: string, ...args: string[]): Promise<CommandRun> =>
    run(['tap', ...args, '--kubeconfig', kubeconfig, '--for', '2s']);
  const failure = async (tapped: Promise<CommandRun>): Promise<string> =>
    (await tapped.catch((error: CommandRun) => error)).error?.message ?? 'none';

  test('its documents are those of an API: kubectl knows what can be tapped', async () => {
    expect(await resources()).toContain('deployments.tap.linkerd.io');
    expect(JSON.parse(await server.kubectl(['get', '--raw', api]))).toMatchObject({
      kind: 'APIResourceList',
      groupVersion: 'tap.linkerd.io/v1alpha1',
    });
  });

  test('an administrator taps a Deployment, and is told who is who', async () => {
    const { out, err } = await taps(server.kubeconfig, 'deploy/web', '-n', 'shop', '-o', 'wide', '--path', '/');
    expect(err).toBe('');
    expect(out.split('\n')[0]).toBe(
      'req id=1:2 proxy=in  src=127.84.0.7:4000 dst=127.84.0.7:8080 tls=true :method=GET :authority=web :path=/' +
        ' src_res=deploy/web src_ns=shop dst_res=deploy/web dst_ns=shop',
    );
    expect(streams.at(-1)?.request).toMatchObject({ limit: 100 });
    // Nothing is tapped any more once nobody looks.
    await vi.waitFor(() => expect(streams.every(({ cancelled }) => cancelled)).toBe(true));
  });

  test('somebody without the right is refused, and with it in one namespace let in there', async () => {
    const token = await server.token('shop', 'looker');
    const kubeconfig = server.kubeconfigFor({ token });
    expect(await failure(taps(kubeconfig, 'deploy/web', '-n', 'shop'))).toContain('tap');
    const subjects = [{ kind: 'ServiceAccount', name: 'looker', namespace: 'shop' }];
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'tulle-tulle-tap-user' };
    const metadata = { name: 'looker', namespace: 'shop' };
    await apply({ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'RoleBinding', metadata, roleRef, subjects });
    await vi.waitFor(
      async () => expect((await taps(kubeconfig, 'deploy/web', '-n', 'shop')).out).toContain('req id=1:2'),
      { timeout: 20_000 },
    );
    expect(await failure(taps(kubeconfig, 'deploy/web', '-n', 'tulle'))).toContain('forbidden');
    expect((await taps(kubeconfig, 'deploy', '-n', 'shop')).out).toContain('req id=1:2');
    expect(await failure(taps(kubeconfig, 'deploy', '-n', 'tulle'))).toContain('forbidden');
  });

  test('to see bodies takes a right of its own, which who may watch everything does not have', async () => {
    const token = await server.token('shop', 'seer');
    const kubeconfig = server.kubeconfigFor({ token });
    const subjects = [{ kind: 'ServiceAccount', name: 'seer', namespace: 'shop' }];
    const bind = (name: string, role: string) =>
      apply({
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'RoleBinding',
        metadata: { name, namespace: 'shop' },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
        subjects,
      });
    await apply({
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: { name: 'reads-everything' },
      rules: [{ apiGroups: ['*'], resources: ['*'], verbs: ['get', 'list', 'watch'] }],
    });
    await bind('seer', 'reads-everything');
    const withBodies = () => taps(kubeconfig, 'deploy/web', '-n', 'shop', '--bodies', '--body-bytes', '100');
    await vi.waitFor(
      async () =>
        expect(await failure(withBodies())).toContain(
          'bodies may not be seen (not authorized to create deployments.tap.linkerd.io/tap-bodies',
        ),
      { timeout: 20_000 },
    );
    expect((await taps(kubeconfig, 'deploy/web', '-n', 'shop')).out).toContain('req id=1:2');
    expect(streams.at(-1)?.request.bodyBytes).toBe(0);
    await bind('seer-bodies', 'tulle-tulle-tap-bodies-user');
    // The sidecar of this test knows nothing of bodies, as one of an earlier version.
    await vi.waitFor(
      async () =>
        expect(await withBodies()).toMatchObject({
          out: expect.stringContaining('req id=1:2'),
          err: expect.stringMatching(/^warning: the sidecar of web-abc-\d is of a version that tells of no bodies\n$/),
        }),
      { timeout: 20_000 },
    );
    expect(streams.at(-1)?.request.bodyBytes).toBe(100);
  });

  test('a tap on what is not there says so in one line', async () => {
    expect(await failure(taps(server.kubeconfig, 'deploy/db', '-n', 'shop'))).toBe(
      'no pods to tap for deployment/db in namespace shop',
    );
    expect(await failure(taps(server.kubeconfig, 'po/web-abc-2', '-n', 'shop'))).toBe(
      'no pods to tap for pod/web-abc-2 in namespace shop: 1 have no sidecar that may be tapped, or do not run',
    );
    expect(await failure(taps(server.kubeconfig, 'sts', '-n', 'shop'))).toBe(
      'no pods to tap for statefulset in namespace shop',
    );
  });

  test('who comes past the API server is nobody, whoever it says it is', async () => {
    const ask = (own: { key?: string; cert?: string }): Promise<number | string> =>
      new Promise((resolve) => {
        httpsRequest(
          {
            host: '127.0.0.1',
            port: tap.httpsPorts[0],
            path: `${api}/watch/namespaces/shop/tap`,
            method: 'POST',
            headers: { 'x-remote-user': 'system:admin', 'x-remote-group': 'system:masters' },
            rejectUnauthorized: false,
            agent: false,
            ...own,
          },
          (response) => {
            response.resume();
            resolve(response.statusCode ?? 0);
          },
        )
          .on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
          .end();
      });
    expect(await ask({})).toMatch(/ERR_SSL|ECONNRESET|EPIPE/);
    const stranger = await testCertificate('CN=front-proxy-client');
    expect(await ask(stranger)).toMatch(/ERR_SSL|ECONNRESET|EPIPE/);
  });

  test('its API is not led to another server', async () => {
    const kubeconfig = server.kubeconfigFor({ token: await server.token('tulle', 'tulle-tap') });
    const guards = meshInstall({ tap: true }).filter(({ kind }) => kind.startsWith('ValidatingAdmissionPolicy'));
    await apply(...guards);
    const patch = (spec: object) =>
      server
        .kubectl([
          '--kubeconfig',
          kubeconfig,
          'patch',
          'apiservice',
          'v1alpha1.tap.linkerd.io',
          '--dry-run=server',
          '--type=merge',
          '-p',
          JSON.stringify({ spec }),
        ])
        .then(() => 'taken', String);
    await vi.waitFor(
      async () =>
        expect(await patch({ service: { name: 'other', namespace: 'shop' } })).toContain('nothing else of it'),
      { timeout: 60_000, interval: 500 },
    );
    expect(await patch({ caBundle: 'LS0t' })).not.toContain('nothing else of it');
  });
});
