import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import type { ServerAccess } from '../../control-plane/kubernetes/server-access.ts';
import { forwardPort, type PortForward } from './port-forward.ts';

/** What a kubelet does with a connection: both channels begin with the port. */
let serve: (pod: WebSocket) => void;
let server: Server;
let requests: { url: string | undefined; authorization: string | undefined; protocol: string | undefined }[];
let forward: PortForward;
let refuse: string | undefined;

beforeEach(async () => {
  requests = [];
  refuse = undefined;
  serve = () => {};
  const sockets = new WebSocketServer({ noServer: true, handleProtocols: (offered) => [...offered][0] });
  server = createServer();
  server.on('upgrade', (request, socket, head) => {
    const { url, headers } = request;
    requests.push({ url, authorization: headers.authorization, protocol: headers['sec-websocket-protocol'] });
    if (refuse !== undefined) {
      socket.end(`HTTP/1.1 403 Forbidden\r\ncontent-length: ${refuse.length}\r\nconnection: close\r\n\r\n${refuse}`);
      return;
    }
    sockets.handleUpgrade(request, socket, head, (pod) => {
      for (const channel of [0, 1]) pod.send(Buffer.from([channel, 8086 & 0xff, 8086 >> 8]));
      serve(pod);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const access: ServerAccess = {
    url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/prefix/`),
    credentials: () => ({ token: 'secret' }),
    refresh: async () => {},
    close: () => {},
  };
  forward = await forwardPort(access, { namespace: 'tulle', pod: 'destination-1', port: 8086 });
});

afterEach(() => {
  forward.close();
  server.closeAllConnections();
  server.close();
});

const open = (): Socket => connect({ host: '127.0.0.1', port: forward.port });
const echo = (pod: WebSocket): void => void pod.on('message', (message: Buffer) => pod.send(message));

it('asks for the port in the kubelet’s protocol, with the credentials, and passes bytes on both ways', async () => {
  serve = echo;
  const socket = open();
  socket.write('hello');
  expect(String((await once(socket, 'data'))[0])).toBe('hello');
  socket.destroy();
  expect(requests).toEqual([
    {
      url: '/prefix/api/v1/namespaces/tulle/pods/destination-1/portforward?ports=8086',
      authorization: 'Bearer secret',
      protocol: 'v4.channel.k8s.io',
    },
  ]);
  expect(forward.problem()).toBeUndefined();
});

it('each connection is one of its own, and loses nothing of many bytes', async () => {
  serve = echo;
  const size = 4 * 1024 * 1024;
  const receive = async (fill: number): Promise<Buffer> => {
    const socket = open();
    const chunks: Buffer[] = [];
    let bytes = 0;
    socket.write(Buffer.alloc(size, fill));
    for await (const chunk of socket) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes >= size) break;
    }
    return Buffer.concat(chunks);
  };
  const [one, two] = await Promise.all([receive(1), receive(2)]);
  expect(one.equals(Buffer.alloc(size, 1))).toBe(true);
  expect(two.equals(Buffer.alloc(size, 2))).toBe(true);
  expect(requests).toHaveLength(2);
});

it('a pod is read no faster than what it sends is taken here', async () => {
  const megabytes = 64;
  let pod: WebSocket | undefined;
  serve = (remote) => {
    pod = remote;
    for (let sent = 0; sent < megabytes; sent++) remote.send(Buffer.alloc(1024 * 1024));
  };
  const socket = open().pause();
  let waiting = -1;
  await vi.waitFor(
    () => {
      const before = waiting;
      waiting = pod?.bufferedAmount ?? -1;
      expect(waiting).toBeGreaterThan(0);
      expect(waiting).toBe(before);
    },
    { timeout: 10_000, interval: 100 },
  );
  expect(waiting).toBeGreaterThan((megabytes / 2) * 1024 * 1024);
  // All but the byte of each that says the channel.
  const whole = megabytes * (1024 * 1024 - 1);
  let bytes = 0;
  for await (const chunk of socket) {
    bytes += (chunk as Buffer).length;
    if (bytes >= whole) break;
  }
  expect(bytes).toBe(whole);
});

it('what the kubelet says on the error channel is told', async () => {
  serve = (pod) => pod.send(Buffer.concat([Buffer.from([1]), Buffer.from('dial tcp: connection refused\n')]));
  await once(open(), 'close');
  expect(forward.problem()).toBe('tulle/destination-1:8086: dial tcp: connection refused');
});

it('an API server that refuses is told with what it says', async () => {
  refuse = JSON.stringify({ kind: 'Status', reason: 'Forbidden', message: 'pods "destination-1" is forbidden' });
  await once(open(), 'close');
  expect(forward.problem()).toContain('403 Forbidden pods "destination-1" is forbidden');
});

it('the pod’s end of a connection ends it here', async () => {
  serve = (pod) => {
    pod.send(Buffer.concat([Buffer.from([0]), Buffer.from('bye')]));
    pod.close();
  };
  expect(await text(open())).toBe('bye');
});

it('a connection that ends here ends at the pod', async () => {
  const closed = vi.fn();
  serve = (pod) => void pod.on('close', closed);
  const socket = open();
  await vi.waitFor(() => expect(requests).toHaveLength(1));
  socket.destroy();
  await vi.waitFor(() => expect(closed).toHaveBeenCalled());
});
