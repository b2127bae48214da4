import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createWebSocketStream, WebSocketServer } from 'ws';
import { KubernetesClient } from '../../control-plane/kubernetes/client.ts';
import type { ServerAccess } from '../../control-plane/kubernetes/server-access.ts';
import { podMetrics } from './pod-metrics.ts';

/** The sidecar lets in its own host alone; the API server's proxy passes its 403 on. */
let sidecar: Server;
let api: Server;
let access: ServerAccess;
let client: KubernetesClient;
let mayForward: boolean;

beforeEach(async () => {
  mayForward = true;
  sidecar = createServer((_, response) => response.end('request_total 7\n'));
  await once(sidecar.listen(0, '127.0.0.1'), 'listening');
  api = createServer((_, response) =>
    response.writeHead(403).end('the policy of this port does not let this client in\n'),
  );
  const sockets = new WebSocketServer({ noServer: true, handleProtocols: (offered) => [...offered][0] });
  api.on('upgrade', (request, socket, head) => {
    if (!mayForward) {
      socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n');
      return;
    }
    sockets.handleUpgrade(request, socket, head, (kubelet) => {
      const port = Buffer.from([4191 & 0xff, 4191 >> 8]);
      for (const channel of [0, 1]) kubelet.send(Buffer.concat([Buffer.from([channel]), port]));
      const toPod = connect((sidecar.address() as AddressInfo).port, '127.0.0.1');
      kubelet.on('message', (message: Buffer) => toPod.write(message.subarray(1)));
      toPod.on('data', (chunk) => kubelet.send(Buffer.concat([Buffer.from([0]), chunk])));
      toPod.on('error', () => {}).on('close', () => kubelet.close());
      createWebSocketStream(kubelet)
        .on('error', () => {})
        .resume();
    });
  });
  await once(api.listen(0, '127.0.0.1'), 'listening');
  access = {
    url: new URL(`http://127.0.0.1:${(api.address() as AddressInfo).port}`),
    credentials: () => ({}),
    refresh: async () => {},
    close: () => {},
  };
  client = new KubernetesClient(access);
});
afterEach(() => {
  client.close();
  for (const server of [sidecar, api]) {
    server.closeAllConnections();
    server.close();
  }
});

const read = (): Promise<string> =>
  text(podMetrics({ client, access }, { namespace: 'shop', pod: 'web-1', port: 4191 }, AbortSignal.timeout(10_000)));

it('metrics that policy keeps from the API server come by a port-forward, from the pod’s own host', async () => {
  expect(await read()).toBe('request_total 7\n');
});

it('who may not forward either is told the first refusal', async () => {
  mayForward = false;
  await expect(read()).rejects.toThrow('the policy of this port does not let this client in');
});
