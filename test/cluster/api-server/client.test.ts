import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { ApiError } from '../../../control-plane/kubernetes/api.ts';
import { KubernetesClient } from '../../../control-plane/kubernetes/client.ts';
import { connectToCluster } from '../../../control-plane/kubernetes/connect.ts';
import { kubeconfigAccess } from '../../../control-plane/kubernetes/kubeconfig.ts';
import { inClusterAccess } from '../../../control-plane/kubernetes/server-access.ts';
import { apiServerMissing, startApiServer, type TestApiServer } from './api-server.ts';
import { testCertificate } from './certificates.ts';
import { TcpProxy } from './tcp-proxy.ts';

const quiet = { onProblem: () => {} };

describe.skipIf(apiServerMissing)(
  `the client of the API server${apiServerMissing ? ` (${apiServerMissing})` : ''}`,
  () => {
    let server: TestApiServer;
    let client: KubernetesClient;
    beforeAll(async () => {
      server = await startApiServer();
      client = server.client;
    }, 120_000);
    afterAll(() => server?.stop());

    const maps = '/api/v1/namespaces/default/configmaps';
    interface ConfigMap {
      readonly metadata: { readonly resourceVersion: string };
      readonly data: Record<string, string>;
    }

    test('objects are created, read, replaced, patched in each way and deleted', async () => {
      const created = await client.create<ConfigMap>(maps, { metadata: { name: 'a' }, data: { x: '1' } });
      await client.replace(`${maps}/a`, { ...created, data: { x: '2' } });
      await client.patch(`${maps}/a`, { data: { y: '3' } }, 'merge');
      await client.patch(`${maps}/a`, [{ op: 'add', path: '/data/z', value: '4' }], 'json');
      await client.patch(`${maps}/a`, { data: { w: '5' } }, 'strategic');
      expect((await client.get<ConfigMap>(`${maps}/a`)).data).toEqual({ x: '2', y: '3', z: '4', w: '5' });
      const listed = await client.get<{ items: unknown[] }>(maps, { fieldSelector: 'metadata.name=a' });
      expect(listed.items).toHaveLength(1);
      await client.delete(`${maps}/a`, { propagationPolicy: 'Background' });
      await expect(client.get(`${maps}/a`)).rejects.toMatchObject({ status: 404, reason: 'NotFound' });
    });

    test('an object that somebody else has changed is a conflict, and one that is there exists already', async () => {
      const old = await client.create<ConfigMap>(maps, { metadata: { name: 'b' } });
      await client.patch(`${maps}/b`, { data: { y: '3' } }, 'merge');
      await expect(client.replace(`${maps}/b`, old)).rejects.toMatchObject({ status: 409, reason: 'Conflict' });
      await expect(client.create(maps, { metadata: { name: 'b' } })).rejects.toMatchObject({
        status: 409,
        reason: 'AlreadyExists',
      });
    });

    test('an error says what was asked and what the server said', async () => {
      await expect(client.get('/api/v1/namespaces/default/pods/none')).rejects.toThrow(
        'GET /api/v1/namespaces/default/pods/none: 404 NotFound pods "none" not found',
      );
    });

    test('calls share connections', async () => {
      const proxy = new TcpProxy(server.port);
      const kubeconfig = server.kubeconfigFor({ server: `https://127.0.0.1:${await proxy.listen()}` });
      const through = await connectToCluster({ kubeconfig, env: {}, onProblem: () => {} });
      for (let call = 0; call < 10; call++) await through.get('/api');
      expect(proxy.accepted).toBe(1);
      through.close();
      await proxy.close();
    });

    test('an answer that is larger than the limit is refused', async () => {
      const small = new KubernetesClient(await kubeconfigAccess(server.kubeconfig, quiet), {
        maxBodyBytes: 1000,
      });
      await expect(small.get('/api/v1')).rejects.toThrow(/the answer has more than 1000 bytes/);
      small.close();
    });

    test('a server that does not answer ends the call at its deadline', async () => {
      const silent = createServer(() => {});
      await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
      const { port } = silent.address() as { port: number };
      const kubeconfig = server.kubeconfigFor({ server: `https://127.0.0.1:${port}` });
      const impatient = new KubernetesClient(await kubeconfigAccess(kubeconfig, quiet), {
        timeoutMs: 100,
      });
      await expect(impatient.get('/api')).rejects.toThrow(`GET /api: 127.0.0.1:${port}: no answer within 100 ms`);
      impatient.close();
      silent.close();
    });

    test('a server of another authority is not trusted', async () => {
      const other = await withAnotherAuthority(server);
      await expect(other.get('/api')).rejects.toBeInstanceOf(ApiError);
      await expect(other.get('/api')).rejects.toMatchObject({ status: 0 });
      other.close();
    });

    test('a pod takes the token and the CA of its mount, and a new token when the old one is refused', async () => {
      const folder = join(server.folder, 'service-account');
      mkdirSync(folder);
      writeFileSync(join(folder, 'ca.crt'), server.ca);
      writeFileSync(join(folder, 'token'), 'one that the server does not know');
      const env = { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: String(server.port) };
      const access = await inClusterAccess({ env, folder, onProblem: () => {}, rereadMs: 3_600_000 });
      const pod = new KubernetesClient(access);
      const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
      await expect(pod.create(path, {})).rejects.toMatchObject({ status: 401 });

      writeFileSync(join(folder, 'token'), await server.token('default', 'shop'));
      const review = await pod.create<{ status: { userInfo: { username: string } } }>(path, {});
      expect(review.status.userInfo.username).toBe('system:serviceaccount:default:shop');
      pod.close();
    });

    test('a mounted token that is replaced takes effect without a refused call', async () => {
      const folder = join(server.folder, 'service-account-2');
      mkdirSync(folder);
      writeFileSync(join(folder, 'ca.crt'), server.ca);
      writeFileSync(join(folder, 'token'), 'one');
      const env = { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: String(server.port) };
      const access = await inClusterAccess({ env, folder, onProblem: () => {}, rereadMs: 20 });
      writeFileSync(join(folder, 'token'), 'two\n');
      await vi.waitFor(() => expect(access.credentials().token).toBe('two'), 5000);
      rmSync(join(folder, 'token'));
      writeFileSync(join(folder, 'token'), '');
      await new Promise((resolve) => setTimeout(resolve, 60));
      expect(access.credentials().token).toBe('two');
      access.close();
    });

    test('without the environment of a pod the message says what to do', async () => {
      await expect(connectToCluster({ env: {}, onProblem: () => {} })).rejects.toThrow(
        'KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set: outside a pod, name a kubeconfig file',
      );
    });
  },
);

async function withAnotherAuthority(server: TestApiServer): Promise<KubernetesClient> {
  const { cert } = await testCertificate('CN=another');
  return new KubernetesClient({
    url: server.url,
    credentials: () => ({ ca: cert }),
    refresh: async () => {},
    close: () => {},
  });
}
