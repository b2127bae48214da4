import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { ErrorCode } from '../../proxy/wire/stream.ts';
import { http2Vectors } from '../../proxy/wire/testing/http2-vectors.ts';
import { badChunks, post, refused, smuggled } from '../../proxy/wire/testing/request-vectors.ts';
import { responseVectors, smuggledResponse } from '../../proxy/wire/testing/response-vectors.ts';
import { LoneProxy } from './lone-proxy.ts';
import { meshedHttp2 } from './meshed-http2.ts';
import { Flag, FrameType, frame, literal } from './raw-http2.ts';
import { TestMesh } from './test-mesh.ts';

/**
 * Requests and responses that two parsers could read differently, through a real proxy process to a server that takes
 * bytes as they are: nothing that is smuggled comes out, on either side.
 */
let proxy: LoneProxy;
const accepted = new Set<Socket>();
/** Everything that reached the server since it was last cleared. */
let received = '';

function answer(socket: Socket): void {
  accepted.add(socket);
  let held = '';
  socket.on('error', () => {}).on('close', () => accepted.delete(socket));
  socket.on('data', (chunk) => {
    received += chunk.toString('latin1');
    held += chunk.toString('latin1');
    for (let end = held.indexOf('\r\n\r\n'); end >= 0; end = held.indexOf('\r\n\r\n')) {
      const index = /^\w+ \/vector\/(\d+) /.exec(held)?.[1];
      held = held.slice(end + 4);
      const bytes =
        index === undefined
          ? 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nclean'
          : responseVectors[Number(index)].bytes + smuggledResponse;
      socket.write(bytes, 'latin1');
    }
  });
}
const server = createServer(answer);

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  proxy = await LoneProxy.start((server.address() as AddressInfo).port);
}, 40_000);
afterAll(async () => {
  await proxy?.stop();
  server.close();
  for (const socket of accepted) socket.destroy();
});

/** Sends `bytes` and reads until the proxy closes. */
function exchange(bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let read = '';
    const socket = connect(proxy.inbound, '127.0.0.1', () => socket.write(bytes, 'latin1'));
    socket.on('data', (chunk) => {
      read += chunk.toString('latin1');
    });
    socket.on('error', () => {}).on('close', () => resolve(read));
    socket.setTimeout(8000, () => {
      socket.destroy();
      reject(new Error(`not closed after: ${read}`));
    });
  });
}

const responses = (read: string) => read.match(/HTTP\/1\.1 \d\d\d/g) ?? [];

describe('requests', () => {
  const first = 'GET /first HTTP/1.1\r\nHost: a\r\n\r\n';

  it.each(refused)('%s: refused, closed, and never seen by the server', async (_name, bytes, status) => {
    received = '';
    // Behind a sound request, since a first one that is no HTTP would go on as the opaque bytes that it may be.
    const read = await exchange(first + bytes + smuggled);
    expect(responses(read)).toEqual(['HTTP/1.1 200', `HTTP/1.1 ${status}`]);
    expect(received.toLowerCase()).toBe(first.toLowerCase());
  });

  it.each(badChunks)('a chunked body with %s: cut off, and nothing behind it is a request', async (_name, body) => {
    received = '';
    const read = await exchange(post('Transfer-Encoding: chunked\r\n', body) + smuggled);
    expect(read).not.toContain('smuggled');
    expect(received).not.toContain('GET /smuggled');
    expect(received.match(/ HTTP\/1\.1\r\n/g)?.length ?? 0).toBeLessThan(2);
  });
});

describe('responses', () => {
  it.each(responseVectors.map((vector, index) => [vector.name, vector, index] as const))(
    '%s: what follows answers no other request',
    async (_name, vector, index) => {
      const head = `${vector.method ?? 'GET'} /vector/${index} HTTP/1.1\r\nHost: a\r\n\r\n`;
      const next = 'GET /next HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';
      const read = await exchange(head + next);
      expect(read).not.toContain('smuggled');
      if (vector.taken) expect(read).toMatch(/clean$/);
      // One that goes wrong behind its head is broken off, so that nobody takes it for whole.
      else if (!/(^|\r\n)HTTP\/1\.1 502 [\s\S]*clean$/.test(read)) expect(read).not.toMatch(/0\r\n\r\n|clean/);
      const after = await exchange(next);
      expect(after).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*clean$/);
    },
  );
});

describe('HTTP/2 requests that go on in HTTP/1', () => {
  const block = (fields: readonly (readonly [string, string])[]) =>
    Buffer.concat(fields.map(([name, value]) => literal(name, value)));
  const carried = ['l5d-orig-proto', 'HTTP/1.1'] as const;
  const clientId = 'client.test.serviceaccount.identity.tulle.cluster.local';
  let mesh: TestMesh;
  let own: { key: string; cert: string };

  // What was carried over from HTTP/1 is believed of clients of the mesh alone.
  beforeAll(async () => {
    mesh = await TestMesh.start([{ name: 'server', ports: [8080] }]);
    await mesh.serveTcp('server', 8080, answer);
    await mesh.ready();
    own = mesh.issue(clientId);
  }, 60_000);
  afterAll(() => mesh?.stop());

  const meshed = () => meshedHttp2(mesh, 'server', 8080, own);

  it('that are sound arrive', async () => {
    received = '';
    const client = await meshed();
    const fields = [
      [':method', 'GET'],
      [':scheme', 'http'],
      [':path', '/'],
      [':authority', 'a.test'],
    ] as const;
    const crumbs = [
      ['cookie', 'a=1'],
      ['cookie', 'b=2'],
    ] as const;
    await client.send(
      frame(FrameType.headers, Flag.endHeaders | Flag.endStream, 1, block([...fields, ...crumbs, carried])),
    );
    await vi.waitFor(() => expect(client.statuses()).toEqual(['200']), 5000);
    client.close();
    expect(received).toBe(`GET / HTTP/1.1\r\nhost: a.test\r\ncookie: a=1; b=2\r\nl5d-client-id: ${clientId}\r\n\r\n`);
  });

  it.each(http2Vectors.map((vector) => [vector.name, vector] as const))('%s: reset', async (_name, vector) => {
    received = '';
    const client = await meshed();
    const { fields, body, trailers } = vector;
    const frames = [
      frame(
        FrameType.headers,
        Flag.endHeaders | (body === undefined ? Flag.endStream : 0),
        1,
        block([...fields, carried]),
      ),
    ];
    if (body !== undefined) {
      frames.push(frame(FrameType.data, trailers === undefined ? Flag.endStream : 0, 1, Buffer.from(body)));
    }
    if (trailers !== undefined) {
      frames.push(frame(FrameType.headers, Flag.endHeaders | Flag.endStream, 1, block(trailers)));
    }
    await client.send(...frames);
    await vi.waitFor(() => expect(client.resetOf(1)).toBe(ErrorCode.protocolError), 5000);
    expect(client.goAway).toBeUndefined();
    client.close();
    // The head of a request may have gone on before its body broke the rules, but only as one request without an end.
    expect(received).not.toMatch(/\r\n0\r\n/);
    expect(received.match(/ HTTP\/1\.1\r\n/g)?.length ?? 0).toBeLessThan(2);
    if (body === undefined) expect(received).toBe('');
  });
});
