import { createServer, type Server } from 'node:http';
import type { Registry } from 'prom-client';
import { ConnectionLimits, type Refusal } from './connection-limits.ts';

/** Who asks is the kubelet, and who scrapes: a few connections each. */
const maxConnections = 256;
const maxConnectionsPerAddress = 64;
const receiveTimeoutMs = 5000;

/** Health and metrics of a component: /live, /ready, /metrics. */
export function adminServer(
  ready: () => boolean,
  metrics: Registry,
  onRefused: (limit: Refusal, address: string) => void = () => {},
): Server {
  const limits = new ConnectionLimits({ most: maxConnections, mostPerAddress: maxConnectionsPerAddress, onRefused });
  const timeouts = { headersTimeout: receiveTimeoutMs, requestTimeout: receiveTimeoutMs };
  const server = createServer({ ...timeouts, connectionsCheckingInterval: 1000 }, (request, response) => {
    limits.begin(request.socket);
    response.once('close', () => limits.end(request.socket));
    const send = (code: number, body: string, type = 'text/plain; charset=utf-8'): void => {
      response.writeHead(code, { 'content-type': type }).end(request.method === 'HEAD' ? undefined : body);
    };
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      send(405, 'method not allowed\n');
      return;
    }
    switch (request.url?.split('?')[0]) {
      case '/live':
        send(200, 'live\n');
        return;
      case '/ready':
        if (ready()) send(200, 'ready\n');
        else send(503, 'not ready\n');
        return;
      case '/metrics':
        metrics.metrics().then(
          (text) => send(200, text, metrics.contentType),
          (error: Error) => send(500, `${error.message}\n`),
        );
        return;
      default:
        send(404, 'not found\n');
    }
  });
  limits.watch(server);
  return server;
}
