import { text } from 'node:stream/consumers';
import { Client } from 'undici';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { TestMesh } from '../proxy/test-mesh.ts';
import { http1Server } from './http1-server.ts';

/** HTTP/1 between sidecars as HTTP/1: what the server's sidecar takes as well as the multiplexed way. */
let mesh: TestMesh;
const host = 'server.test:8080';
const pooled = [{ name: 'LINKERD2_PROXY_OUTBOUND_DISABLE_HTTP1_MULTIPLEXING', value: 'true' }];

beforeAll(async () => {
  mesh = await TestMesh.start([
    { name: 'multiplexed' },
    { name: 'pooled', annotations: { 'config.tulle.dev/proxy-additional-env': JSON.stringify(pooled) } },
    { name: 'server', ports: [8080] },
  ]);
  await mesh.serve('server', 8080, http1Server().server);
  await mesh.ready();
}, 60_000);
afterAll(() => mesh.stop());

/** Sends 20 slow requests at once, on as many connections; returns how many connections the sidecar made for them. */
async function connectionsFor(workload: string): Promise<number> {
  const clients = Array.from({ length: 20 }, () => new Client(`http://${mesh.ip(workload)}:4140`));
  const answers = await Promise.all(
    clients.map(async (client) => {
      const { body } = await client.request({ path: '/late?ms=300', method: 'GET', headers: { host } });
      return text(body);
    }),
  );
  expect(answers).toEqual(Array(20).fill('300'));
  await Promise.all(clients.map((client) => client.close()));
  return mesh.metric(workload, 'tcp_open_total', 'direction="outbound"', 'peer="dst"', 'tls="true"');
}

it('many requests share a connection where they are multiplexed', async () => {
  expect(await connectionsFor('multiplexed')).toBe(1);
});

it('each has one of its own where they are pooled, with the same identity and mutual TLS', async () => {
  expect(await connectionsFor('pooled')).toBe(20);
  const client = new Client(`http://${mesh.ip('pooled')}:4140`);
  const { body } = await client.request({ path: '/', method: 'GET', headers: { host } });
  expect(await body.json()).toMatchObject({
    version: '1.1',
    headers: { 'l5d-client-id': 'pooled.test.serviceaccount.identity.tulle.cluster.local' },
  });
  expect(await connectionsFor('pooled')).toBe(20);
  await client.close();
});
