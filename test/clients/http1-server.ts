import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';

/** What the application has seen. */
export interface Http1Log {
  readonly requests: { readonly method: string; readonly url: string; readonly httpVersion: string }[];
  /** Connections from the sidecar. */
  connections: number;
  /** How each WebSocket ended. */
  readonly closes: { readonly code: number; readonly reason: string }[];
}

/** An application that uses what HTTP/1.1 has: lengths, chunks, trailers, 1xx, Upgrade, WebSockets. */
export function http1Server(): { server: Server; log: Http1Log } {
  const log: Http1Log = { requests: [], connections: 0, closes: [] };
  const server = createServer((request, response) => void answer(request, response).catch(() => response.destroy()));
  const note = ({ method = '', url = '', httpVersion }: IncomingMessage) =>
    void log.requests.push({ method, url, httpVersion });
  server.on('request', note);
  server.on('connection', () => log.connections++);
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    if (request.url === '/refuse') response.writeHead(413, { connection: 'close' }).end('too large');
    else {
      response.writeContinue();
      void answer(request, response);
    }
  });
  const sockets = new WebSocketServer({ noServer: true, maxPayload: 64 * 1024 * 1024, perMessageDeflate: true });
  server.on('upgrade', (request, socket: Duplex, head) => {
    if (request.url === '/refuse') {
      socket.end('HTTP/1.1 426 Upgrade Required\r\nconnection: close\r\ncontent-length: 0\r\n\r\n');
      return;
    }
    sockets.handleUpgrade(request, socket, head, (opened) => serveSocket(opened, log));
  });
  return { server, log };
}

function serveSocket(socket: WebSocket, log: Http1Log): void {
  socket.on('error', () => {});
  socket.on('message', (data, binary) => {
    const text = binary ? '' : String(data);
    if (text.startsWith('close ')) socket.close(Number(text.slice(6)), 'as asked');
    else if (text === 'vanish') socket.terminate();
    else socket.send(data, { binary });
  });
  socket.on('close', (code, reason) => log.closes.push({ code, reason: String(reason) }));
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://server');
  switch (url.pathname) {
    case '/echo': {
      response.writeHead(200, { trailer: 'x-bytes' });
      let bytes = 0;
      for await (const chunk of request) {
        bytes += chunk.length;
        if (!response.write(chunk)) await new Promise((resolve) => response.once('drain', resolve));
      }
      response.addTrailers({ 'x-bytes': String(bytes), ...request.trailers });
      response.end();
      break;
    }
    case '/sized': {
      request.resume();
      const bytes = Number(url.searchParams.get('bytes'));
      response.writeHead(200, { 'content-length': bytes }).end(Buffer.alloc(bytes, 'x'));
      break;
    }
    case '/late':
      request.resume();
      await new Promise((resolve) => setTimeout(resolve, Number(url.searchParams.get('ms'))));
      response.end(url.searchParams.get('ms'));
      break;
    case '/hints':
      response.writeEarlyHints({ link: ['</a.css>; rel=preload', '</b.css>; rel=preload'] });
      response.end('body');
      break;
    default:
      request.resume();
      response.end(JSON.stringify({ method: request.method, version: request.httpVersion, headers: request.headers }));
  }
}
