import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type WebSocket, WebSocketServer } from 'ws';

interface NamedObject {
  readonly metadata: { readonly name: string; readonly [field: string]: unknown };
}

export interface ProcessPods {
  /** What a GET of a path gives: a list, a text as it is or as it is now, or a status. Anything else is not found. */
  readonly answers: Readonly<
    Record<string, { readonly items: readonly NamedObject[] } | string | number | (() => string)>
  >;
  /** Where a port of any pod is on this machine. */
  readonly ports: Readonly<Record<number, number>>;
}

/**
 * The part of an API server that leads to pods, for pods that are processes of a test: lists, the proxy of pods, and
 * port-forward as a kubelet does it. A real API server leads nowhere without a kubelet.
 */
export async function servePods({ answers, ports }: ProcessPods): Promise<{ kubeconfig: string; close(): void }> {
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://x');
    const answer = answers[pathname];
    const name = /^metadata\.name=(.+)$/.exec(searchParams.get('fieldSelector') ?? '')?.[1];
    if (answer === undefined || typeof answer === 'number') {
      response.writeHead(answer ?? 404, { 'content-type': 'application/json' });
      const [reason, message] = answer === undefined ? ['NotFound', 'not found'] : ['Refused', 'refused'];
      response.end(JSON.stringify({ kind: 'Status', reason, message: `${pathname} ${message}` }));
    } else if (typeof answer === 'object') {
      const items = answer.items.filter(({ metadata }) => name === undefined || metadata.name === name);
      response.end(JSON.stringify({ items }));
    } else response.end(typeof answer === 'string' ? answer : answer());
  });
  const upgrades = new WebSocketServer({ noServer: true });
  server.on('upgrade', (request, socket, head) => {
    const port = Number(new URL(request.url ?? '', 'http://x').searchParams.get('ports'));
    upgrades.handleUpgrade(request, socket, head, (client) => forward(client, port, ports[port] ?? 1));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const folder = mkdtempSync(join(tmpdir(), 'tulle-pods-'));
  const kubeconfig = join(folder, 'kubeconfig');
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const config = {
    'current-context': 'test',
    contexts: [{ name: 'test', context: { cluster: 'test' } }],
    clusters: [{ name: 'test', cluster: { server: address } }],
  };
  writeFileSync(kubeconfig, JSON.stringify(config));
  return {
    kubeconfig,
    close: () => {
      server.closeAllConnections();
      server.close();
      rmSync(folder, { recursive: true });
    },
  };
}

function forward(client: WebSocket, podPort: number, port: number): void {
  for (const channel of [0, 1]) client.send(Buffer.from([channel, podPort & 0xff, podPort >> 8]));
  const pod = connect({ host: '127.0.0.1', port });
  pod.on('data', (bytes) => client.send(Buffer.concat([Buffer.from([0]), bytes])));
  pod.on('error', (error) => client.send(Buffer.concat([Buffer.from([1]), Buffer.from(error.message)])));
  pod.on('close', () => client.close());
  client.on('message', (message: Buffer) => pod.write(message.subarray(1)));
  client.on('close', () => pod.destroy());
}
