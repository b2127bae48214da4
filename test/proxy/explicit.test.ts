import { createServer, get } from 'node:http';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { TestMesh } from './test-mesh.ts';

/** Where the injector has the sidecar take connections for the first, second and third port. */
const listeners = { web: 14_143, greeting: 14_144, closed: 14_145 };

describe('a workload of several ports in explicit mode, whose Service leads to its sidecar', () => {
  let mesh: TestMesh;

  beforeAll(async () => {
    mesh = await TestMesh.start([
      { name: 'client' },
      {
        name: 'shop',
        ports: [8080, 2525, 7070],
        annotations: { 'config.tulle.dev/opaque-ports': '2525' },
        leadsToSidecar: true,
      },
    ]);
    for (const port of [8080, 7070]) {
      const server = createServer((request, response) =>
        response.end(`${port} ${request.headers['l5d-client-id'] ?? 'plain'}`),
      );
      await mesh.serve('shop', port, server);
    }
    await mesh.serveTcp('shop', 2525, (socket) => socket.write('220 ready\r\n'));
    await mesh.ready();
  }, 60_000);
  afterAll(() => mesh.stop());

  const call = (host: string, port: number, authority: string) =>
    new Promise<string>((resolve, reject) => {
      const headers = { host: authority };
      get({ host, port, path: '/', headers, agent: false, timeout: 8000 }, (response) => {
        let body = '';
        response.on('data', (chunk) => {
          body += chunk;
        });
        response.on('end', () => resolve(body));
      }).on('error', reject);
    });

  it.each([
    ['first', listeners.web, 8080],
    ['third', listeners.closed, 7070],
  ])('takes a client outside the mesh to the %s of them', async (_, listener, port) => {
    const before = await mesh.metric('shop', 'request_total', 'direction="inbound"', `target_port="${port}"`);
    expect(await call(mesh.ip('shop'), listener, 'shop.test')).toBe(`${port} plain`);
    const after = await mesh.metric('shop', 'request_total', 'direction="inbound"', `target_port="${port}"`);
    expect(after - before).toBe(1);
  });

  it('lets a server speak first on an opaque one, to a client outside the mesh too', async () => {
    const socket = connect(listeners.greeting, mesh.ip('shop'));
    let read = '';
    socket.on('data', (chunk) => {
      read += chunk;
    });
    await vi.waitFor(() => expect(read).toBe('220 ready\r\n'), 5000);
    socket.destroy();
  });

  it.each([8080, 7070])('takes a client of the mesh to %i with mutual TLS', async (port) => {
    const answer = await call(mesh.ip('client'), 4140, `shop.test:${port}`);
    expect(answer).toBe(`${port} client.test.serviceaccount.identity.tulle.cluster.local`);
    expect(await mesh.metric('client', 'request_total', 'direction="outbound"', `:${port}"`, 'tls="true"')).toBe(1);
  });
});
