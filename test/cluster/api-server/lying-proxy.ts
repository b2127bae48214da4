import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TestApiServer } from './api-server.ts';

/** An answer of the API server's that is replaced. */
export interface Lie {
  readonly status: number;
  readonly body: unknown;
}

export interface LyingProxy {
  readonly url: string;
  close(): void;
}

/** Stands before an API server, as its administrator, and answers some paths by itself: for states that no real one is in. */
export async function startLyingProxy(server: TestApiServer, lies: Readonly<Record<string, Lie>>): Promise<LyingProxy> {
  const { users } = JSON.parse(readFileSync(server.kubeconfig, 'utf8'));
  const pem = (field: string): Buffer => Buffer.from(users[0].user[field], 'base64');
  const agent = new Agent({
    ...{ ca: server.ca, cert: pem('client-certificate-data'), key: pem('client-key-data'), keepAlive: true },
  });
  const proxy = createServer((incoming: IncomingMessage, outgoing) => {
    const lie = lies[(incoming.url ?? '').split('?')[0]];
    if (lie !== undefined) {
      incoming.resume();
      outgoing.writeHead(lie.status, { 'content-type': 'application/json' }).end(JSON.stringify(lie.body));
      return;
    }
    const { method, headers, url } = incoming;
    const passed = request(new URL(url ?? '/', server.url), {
      agent,
      method,
      headers: { ...headers, host: server.url.host },
    });
    passed.on('response', (response) => {
      outgoing.writeHead(response.statusCode ?? 502, response.headers);
      response.pipe(outgoing);
    });
    passed.on('error', (error) => outgoing.destroy(error));
    incoming.pipe(passed);
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    close: () => {
      proxy.closeAllConnections();
      proxy.close();
      agent.destroy();
    },
  };
}
