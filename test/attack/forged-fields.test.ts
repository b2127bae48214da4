import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, vi } from 'vitest';
import { LoneProxy } from '../proxy/lone-proxy.ts';
import { meshedHttp2 } from '../proxy/meshed-http2.ts';
import { Flag, FrameType, frame, literal } from '../proxy/raw-http2.ts';
import { TestMesh } from '../proxy/test-mesh.ts';
import { vector } from './vector.ts';

/** Names that CGI, WSGI, Rack or PHP hand to an application as they do `l5d-client-id`. */
const names = [
  'l5d-client-id',
  'l5d_client_id',
  'l5d.client.id',
  'l5d-client_id',
  'l5d_client-id',
  'l5d~client~id',
  'l5d|x',
];
let proxy: LoneProxy;
/** What has reached the application, byte for byte. */
let received = '';
let answer = 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n';

const serve = (socket: Socket): void => {
  socket.on('error', () => {});
  socket.on('data', (chunk) => {
    received += chunk.toString('latin1');
    if (/\r\n\r\n$/.test(received)) socket.write(answer);
  });
};
const server = createServer(serve);
let mesh: TestMesh;

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  proxy = await LoneProxy.start((server.address() as AddressInfo).port);
  // What was carried over from HTTP/1 is believed of clients of the mesh alone.
  mesh = await TestMesh.start([{ name: 'server', ports: [8080] }]);
  await mesh.serveTcp('server', 8080, serve);
  await mesh.ready();
}, 60_000);
afterAll(async () => {
  await mesh?.stop();
  await proxy?.stop();
  server.close();
});

/** Sends HTTP/1 and reads until the answer to it is there. */
async function exchange(bytes: string, end: RegExp): Promise<string> {
  received = '';
  let read = '';
  const socket = connect(proxy.inbound, '127.0.0.1', () => socket.write(bytes, 'latin1'));
  socket.on('data', (chunk) => {
    read += chunk.toString('latin1');
  });
  await vi.waitFor(() => expect(read).toMatch(end), 8000);
  socket.destroy();
  return read;
}

const lines = (value: string) =>
  names.map((name) => `${name}: ${value}\r\n${name.toUpperCase()}: ${value}\r\n`).join('');
const chunked = (fields: string, trailers: string) =>
  `POST / HTTP/1.1\r\nhost: a\r\n${fields}transfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n${trailers}\r\n`;

vector(
  {
    who: 'net',
    attack: 'l5d-client-id in 14 spellings that CGI, WSGI, Rack or PHP take for it, in head and trailers of HTTP/1',
    promise: 'none reaches the application, and what else was said does',
  },
  async () => {
    await exchange(chunked(`${lines('forged')}l5dx: kept\r\n`, `${lines('forged')}x-sum: kept\r\n`), / 200 /);
    expect(received).not.toMatch(/forged/);
    expect(received).toMatch(/\r\nl5dx: kept\r\n/);
    expect(received).toMatch(/0\r\nx-sum: kept\r\n\r\n$/);
    await exchange(chunked('', lines('forged')), / 200 /);
    expect(received).toMatch(/1\r\nx\r\n0\r\n\r\n$/);
  },
);

vector(
  {
    who: 'net',
    attack:
      'baggage that asks for other versions of Services, in many fields, between other members, with escapes in its key',
    promise: 'the application, which would pass it on to its sidecar, gets the rest of the baggage alone',
  },
  async () => {
    const override = 'tulle-override=web.shop:web-next';
    const escaped = override.replace('-', '%2d').replace('t', '%74');
    const spellings = [
      override,
      `a=kept,${override};p=1`,
      ` ${override} , b=kept`,
      escaped,
      `c=kept,\t${escaped},%zz=kept`,
    ];
    const fields = spellings.flatMap((value) => [`baggage: ${value}\r\n`, `Baggage: ${value}\r\n`]).join('');
    await exchange(`GET / HTTP/1.1\r\nhost: a\r\n${fields}\r\n`, / 200 /);
    expect(received).not.toMatch(/override/i);
    expect(received.match(/kept/g)).toHaveLength(8);
  },
);

vector(
  {
    who: 'mesh',
    attack: 'the same in head and trailers of HTTP/2, with a word that it is HTTP/1 carried over it',
    promise: 'none reaches the application',
  },
  async () => {
    const forged = Buffer.concat(names.map((name) => literal(name, 'forged')));
    const head = [
      [':method', 'POST'],
      [':scheme', 'http'],
      [':path', '/'],
      [':authority', 'a.test'],
      ['l5d-orig-proto', 'HTTP/1.1'],
    ] as const;
    for (const more of [[], [['x-sum', 'kept'] as const]]) {
      received = '';
      const client = await meshedHttp2(
        mesh,
        'server',
        8080,
        mesh.issue('mallory.test.serviceaccount.identity.tulle.cluster.local'),
      );
      await client.send(
        frame(
          FrameType.headers,
          Flag.endHeaders,
          1,
          Buffer.concat([...head.map(([name, value]) => literal(name, value)), forged]),
        ),
        frame(FrameType.data, 0, 1, Buffer.from('x')),
        frame(
          FrameType.headers,
          Flag.endHeaders | Flag.endStream,
          1,
          Buffer.concat([forged, ...more.map(([name, value]) => literal(name, value))]),
        ),
      );
      await vi.waitFor(() => expect(client.statuses()).toEqual(['200']), 5000);
      client.close();
      expect(received).not.toMatch(/forged/);
      expect(received).toMatch(more.length > 0 ? /0\r\nx-sum: kept\r\n\r\n$/ : /0\r\n\r\n$/);
    }
  },
);

vector(
  {
    who: 'mesh',
    attack: 'an application that says in its response, and in its trailers, what only proxies may',
    promise: 'none of it reaches the client',
  },
  async () => {
    answer = `HTTP/1.1 200 OK\r\n${lines('forged')}transfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n${lines('forged')}x-sum: kept\r\n\r\n`;
    const read = await exchange(
      'GET / HTTP/1.1\r\nhost: a\r\nte: trailers\r\nconnection: te\r\n\r\n',
      /x-sum: kept\r\n\r\n$/,
    );
    expect(read).not.toMatch(/forged/);
  },
);
