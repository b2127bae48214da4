import { createServer } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import type { MeshModel } from '../../model/mesh-model.ts';
import { Calls, type Outcome } from './model-world/calls.ts';
import { callsOfNobody, type KindOfCall, kindsOfCalls } from './model-world/kinds.ts';
import { behind, issuer, modelOf, names, type OutsidePorts, objectsOf, workloads } from './model-world/objects.ts';
import { TestMesh } from './test-mesh.ts';

/** The model of a mesh is held against that mesh: the same objects, each call asked of both. */
let mesh: TestMesh;
let made: Calls;
let ports: OutsidePorts;
let models: Readonly<Record<'enabled' | 'explicit', MeshModel>>;
/** What is waited for goes on beside the rest. */
let ofNobody: Promise<readonly Outcome[]>;
const outside: Server[] = [];

async function listen(server: Server): Promise<number> {
  outside.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

beforeAll(async () => {
  ports = {
    http: await listen(createServer((asked, response) => response.end(`outside ${asked.url}`))),
    bytes: await listen(createTcpServer((socket) => socket.on('error', () => {}).end('outside'))),
  };
  models = { enabled: modelOf('enabled', ports), explicit: modelOf('explicit', ports) };
  mesh = await TestMesh.start(workloads, objectsOf(ports));
  made = new Calls(mesh, () => issuer.token({}));
  for (const name of [...names, 'users', 'skipped']) {
    const app = createServer((asked, response) => response.end(`${name} ${asked.url}`));
    await mesh.serve(name, 8080, app);
  }
  await mesh.serveTcp('bytes', 5432, (socket) => socket.end('bytes'));
  const tls = createTlsServer(mesh.issue('a.test'), (socket) => socket.on('error', () => {}).end('secret'));
  await mesh.serve('secret', 8443, tls);
  const grpc = createHttp2Server((_asked, response) => {
    response.writeHead(200, { 'content-type': 'application/grpc', 'x-name': 'calls' });
    response.addTrailers({ 'grpc-status': '0' });
    response.end();
  });
  await mesh.serve('calls', 9000, grpc);
  await mesh.ready();
  const isServed = async () =>
    expect((await made.ask('web', 'orders.test:8080', 'GET', '/items', {})).body).toBe('orders /items');
  await vi.waitFor(isServed, { timeout: 10_000 });
  ofNobody = Promise.all(callsOfNobody.map(([, inject, call]) => made.make(inject, call)));
}, 90_000);
afterAll(async () => {
  await mesh.stop();
  for (const server of outside) server.close();
});

const paths = [
  ...[
    '/',
    '/items',
    '/items/1?a=b',
    '/Items',
    '/items/../admin',
    '/items%2f..%2fadmin',
    '/admin',
    '/public',
    '/public/x',
  ],
  ...['/gone', '/moved/x', '/old/7', '/any', '/none?v=1', '//items'],
];
const plain: readonly Record<string, string>[] = [{}];
const both: readonly Record<string, string>[] = [{}, { 'x-canary': '1' }];
const calls = names.flatMap((from) =>
  names.flatMap((to) =>
    paths.flatMap((path) =>
      (['GET', 'POST'] as const).flatMap((method) =>
        (to === 'orders' ? both : plain).map((headers) => ({ from, to, path, method, headers })),
      ),
    ),
  ),
);

it(`decides each of ${calls.length} calls as the sidecars do, and says where it goes`, async () => {
  const wrong: object[] = [];
  for (const { from, to, path, method, headers } of calls) {
    const told = models.explicit.call({ from: `test/${from}`, to: `http://${to}.test:8080`, path, method, headers });
    const { status, body } = await made.ask(from, `${to}.test:8080`, method, path, headers);
    const expected = told.allowed ? 200 : told.status;
    const [answered, url] = body.split(' ');
    const isThere = !told.allowed || told.backends.some(({ service, share }) => share > 0 && service === answered);
    const isSame = !told.allowed || told.sent.path === url;
    if (status !== expected || !isThere || !isSame) {
      wrong.push({ from, to, path, method, headers, status, body, told: { ...told, steps: told.steps.slice(-3) } });
    }
  }
  expect(wrong).toEqual([]);
}, 60_000);

/** What the model tells, as it is seen from outside. */
function told([, inject, call]: KindOfCall): Outcome {
  const { allowed, status, backends } = models[inject].call(call);
  if (!allowed) return status === 0 ? 'closed' : `${status}`;
  const service = backends.find(({ share }) => share > 0)?.service ?? '';
  return behind[service] ?? service.replace(/^(\w+)-\d+\.\w+$/, '$1');
}

it('decides calls of other kinds as the sidecars do', async () => {
  const kinds = kindsOfCalls(ports);
  const seen = await Promise.all(kinds.map(([, inject, call]) => made.make(inject, call)));
  const all = [...kinds, ...callsOfNobody];
  const outcomes = [...seen, ...(await ofNobody)];
  const wrong = all.map((kind, at) => ({ kind: kind[0], told: told(kind), seen: outcomes[at] }));
  expect(wrong.filter((one) => one.told !== one.seen)).toEqual([]);
}, 60_000);
