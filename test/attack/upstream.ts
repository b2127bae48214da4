import { createServer, get, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect, type Server, type Socket } from 'node:net';
import type { LoneProxy } from '../proxy/lone-proxy.ts';

/** An application on a port of its own; its connections are counted. */
export async function startApplication(onRequest: RequestListener) {
  const server = createServer(onRequest);
  server.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const open = new Set<Socket>();
  let most = 0;
  let accepted = 0;
  server.on('connection', (socket) => {
    open.add(socket);
    accepted++;
    most = Math.max(most, open.size);
    socket.on('error', () => {}).on('close', () => open.delete(socket));
  });
  return {
    server: server as Server,
    port: (server.address() as AddressInfo).port,
    accepted: () => accepted,
    mostAtOnce: () => most,
    close: (): void => {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** What a proxy tells of itself. */
export function scrape(proxy: LoneProxy): Promise<string> {
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port: proxy.admin, path: '/metrics', agent: false }, (response) => {
      let text = '';
      response.setEncoding('latin1').on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => resolve(text)).on('error', reject);
    }).on('error', reject);
  });
}

/** The sum of the samples of a family whose labels hold all of `labels`. */
export function sumOf(text: string, family: string, ...labels: string[]): number {
  return text
    .split('\n')
    .filter((line) => line.startsWith(`${family}{`) || line.startsWith(`${family} `))
    .filter((line) => labels.every((label) => line.includes(label)))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

/** Sends bytes to a port, and resolves when the connection is over, or `stayMs` have passed. */
export function send(port: number, bytes: Uint8Array, stayMs = 2000): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    const timer = setTimeout(() => socket.destroy(), stayMs);
    socket
      .on('error', () => {})
      .on('close', () => {
        clearTimeout(timer);
        resolve();
      })
      .resume();
  });
}
