import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { TapEventSchema } from '../../api/gen/tap_pb.js';
import { ResourceSchema, TapByResourceRequestSchema } from '../../api/gen/viz_tap_pb.js';
import { connectCluster } from '../cluster/cluster.ts';
import { servePods } from '../testing/pods-of-processes.ts';
import { clusterTaps } from './cluster-source.ts';
import type { TapSource } from './source.ts';

/** A server in a pod of a cluster, as whoever taps it gets at it. */
const server = createServer((socket) => socket.end('here'));
let pods: Awaited<ReturnType<typeof servePods>>;
let source: TapSource;

beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  pods = await servePods({ answers: {}, ports: { 8080: (server.address() as AddressInfo).port } });
  const terminal = { environment: {}, cwd: '/' } as never;
  source = clusterTaps(await connectCluster({ kubeconfig: pods.kubeconfig }, terminal));
});
afterAll(() => {
  source?.close();
  pods?.close();
  server.close();
});

const labels = { pod: 'web-1', namespace: 'shop', deployment: 'web' };
const event = (changes: MessageInitShape<typeof TapEventSchema> = {}) =>
  create(TapEventSchema, {
    ...{ proxyDirection: 1, destination: { port: 8080 }, destinationMeta: { labels } },
    ...changes,
  } as MessageInitShape<typeof TapEventSchema>);
const tapped = (type: string, name: string, namespace = 'shop') => create(ResourceSchema, { type, name, namespace });

it('the server of a request is reached by a port-forward to its pod', async () => {
  for (const what of [
    tapped('deployment', 'web'),
    tapped('pod', 'web-1'),
    tapped('namespace', 'shop', ''),
    tapped('deployment', ''),
  ]) {
    const way = await source.wayTo(event(), what);
    const { port, hostname } = new URL(`tcp://${way.address}`);
    const socket = connect({ host: hostname, port: Number(port) });
    expect(await text(socket)).toBe('here');
    way.close();
  }
});

it.each<[string, MessageInitShape<typeof TapEventSchema>, ReturnType<typeof tapped>]>([
  ['of another workload', {}, tapped('deployment', 'db')],
  ['of another kind', {}, tapped('statefulset', '')],
  ['of another namespace', {}, tapped('deployment', 'web', 'other')],
  ['that is called, by what a sidecar says of it', { proxyDirection: 2 }, tapped('deployment', 'web')],
  ['of no name', { destinationMeta: { labels: { ...labels, pod: '../x' } } }, tapped('deployment', 'web')],
  ['that is not known', { destinationMeta: undefined }, tapped('deployment', 'web')],
])('a server %s is not called, whoever tells of it', async (_, changes, what) => {
  await expect(source.wayTo(event(changes), what)).rejects.toThrow('servers are asked that are tapped themselves');
});

it.each([
  [{ token: 'secret' }, 'Bearer secret'],
  [{ username: 'anna', password: 'secret' }, `Basic ${Buffer.from('anna:secret').toString('base64')}`],
])('who asks is said as the kubeconfig has it: %j', async (user, shown) => {
  const asked: (string | undefined)[] = [];
  const api = createHttpServer((request, response) => {
    asked.push(request.headers.authorization);
    response.writeHead(403).end('{"error":"no"}');
  });
  api.listen(0, '127.0.0.1');
  await once(api, 'listening');
  const folder = mkdtempSync(join(tmpdir(), 'tulle-tap-'));
  onTestFinished(() => {
    api.close();
    rmSync(folder, { recursive: true });
  });
  const kubeconfig = join(folder, 'kubeconfig');
  const config = {
    'current-context': 'test',
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'anna' } }],
    clusters: [{ name: 'test', cluster: { server: `http://127.0.0.1:${(api.address() as AddressInfo).port}` } }],
    users: [{ name: 'anna', user }],
  };
  writeFileSync(kubeconfig, JSON.stringify(config));
  const taps = clusterTaps(await connectCluster({ kubeconfig }, { environment: {}, cwd: '/' } as never));
  const request = create(TapByResourceRequestSchema, { target: { resource: tapped('deployment', 'web') } });
  const refused = taps.tap(request, { onEvent: () => {}, onProblem: () => {} });
  await expect(refused).rejects.toThrow('no; who may has the verb watch');
  taps.close();
  expect(asked).toEqual([shown]);
});
