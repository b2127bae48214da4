import { once } from 'node:events';
import http2, { type ClientHttp2Session, constants, type Http2Server, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { LoneProxy } from './lone-proxy.ts';

/** As Netty has it: more resets than this within that time, and the connection is at its end. */
const mostResets = 200;
const withinMs = 30_000;

let app: Http2Server;
let proxy: LoneProxy;
/** Resets of each connection of the application's, and those that it ended for them. */
const resets = new Map<ServerHttp2Session, number[]>();
let ended = 0;

beforeAll(async () => {
  app = http2.createServer();
  app.on('session', (session) => resets.set(session, []));
  app.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    const session = stream.session as ServerHttp2Session;
    stream.on('close', () => {
      if (stream.rstCode !== constants.NGHTTP2_CANCEL) return;
      const timesMs = resets.get(session)!;
      timesMs.push(performance.now());
      if (timesMs.filter((ms) => ms > performance.now() - withinMs).length <= mostResets || session.destroyed) return;
      ended++;
      session.destroy(undefined, constants.NGHTTP2_ENHANCE_YOUR_CALM);
    });
    stream.respond({ ':status': 200 });
    if (headers[':path'] === '/never') stream.write('.');
    // Under way while others are cancelled.
    else setTimeout(() => stream.end('good'), 20);
  });
  await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve));
  proxy = await LoneProxy.start((app.address() as AddressInfo).port);
}, 30_000);
afterAll(async () => {
  await proxy.stop();
  for (const session of resets.keys()) session.destroy();
  app.close();
});

async function good(client: ClientHttp2Session): Promise<string> {
  const stream = client.request({ ':path': '/' });
  let body = '';
  stream.on('data', (chunk) => {
    body += chunk;
  });
  await once(stream, 'end');
  return body;
}

/** A call that its client cancels once it is answered. */
async function cancelled(client: ClientHttp2Session): Promise<void> {
  const stream = client.request({ ':path': '/never' });
  await once(stream, 'data');
  stream.close(constants.NGHTTP2_CANCEL);
  await once(stream, 'close');
}

it('calls that clients cancel cost no other call its connection, though the server allows few of them', async () => {
  const clients = Array.from({ length: 5 }, () => http2.connect(`http://127.0.0.1:${proxy.inbound}`));
  try {
    for (let wave = 0; wave < 20; wave++) {
      const calls = clients.flatMap((client) => [
        ...Array.from({ length: 10 }, () => cancelled(client)),
        ...Array.from({ length: 4 }, () => good(client)),
      ]);
      const bodies = (await Promise.all(calls)).filter((body) => body !== undefined);
      expect(bodies).toEqual(Array(20).fill('good'));
    }
  } finally {
    for (const client of clients) client.destroy();
  }
  const counts = [...resets.values()].map(({ length }) => length);
  expect(counts.reduce((sum, count) => sum + count, 0)).toBe(1000);
  expect([Math.max(...counts) <= mostResets, ended]).toEqual([true, 0]);
}, 30_000);
