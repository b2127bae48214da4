/**
 * An application that knows of no proxy, for transparent-world.ts:
 *
 *     node transparent-app.ts serve PORT...       HTTP that returns what it was asked; on 2525, mail that speaks first
 *     node transparent-app.ts visit ADDRESSES     calls a server by all its addresses, and prints what came as JSON
 *     node transparent-app.ts call HOST PORT      calls one address, and prints what came as JSON
 */
import { createServer, get, type IncomingHttpHeaders } from 'node:http';
import { connect, createServer as createTcpServer } from 'node:net';

const mailPort = 2525;

interface Seen {
  status?: number;
  headers?: IncomingHttpHeaders;
  error?: string;
}

function serve(port: number): void {
  const web = () =>
    createServer((request, response) => response.end(JSON.stringify({ headers: request.headers, url: request.url })));
  const mail = () =>
    createTcpServer((socket) => {
      socket.write('220 ready\r\n');
      socket.on('error', () => {});
    });
  (port === mailPort ? mail() : web()).listen(port, '::');
}

function call(host: string, port: number): Promise<Seen> {
  return new Promise((resolve) => {
    const asked = get(
      { host, port, path: '/', agent: false, timeout: 8000, headers: { host: 'web.test' } },
      (response) => {
        let body = '';
        response.on('data', (chunk) => {
          body += chunk;
        });
        response.on('end', () =>
          resolve({
            status: response.statusCode,
            headers: response.statusCode === 200 ? JSON.parse(body).headers : {},
          }),
        );
      },
    );
    asked.on('timeout', () => asked.destroy(new Error('no answer')));
    asked.on('error', (error) => resolve({ error: error.message }));
  });
}

function greeting(host: string, port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, host);
    socket.on('data', (chunk) => {
      resolve(chunk.toString());
      socket.destroy();
    });
    socket.on('error', (error) => resolve(error.message));
    socket.setTimeout(8000, () => socket.destroy(new Error('nothing came')));
  });
}

interface Targets {
  readonly service: { readonly v4: string; readonly v6: string };
  readonly pod: string;
  readonly outside: string;
}

const visit = async ({ service, pod, outside }: Targets): Promise<object> => ({
  byService: await call(service.v4, 80),
  byServiceOverIpv6: await call(service.v6, 80),
  byPod: await call(pod, 8080),
  outside: await call(outside, 8080),
  opaque: await greeting(service.v4, 25),
});

const [mode, ...args] = process.argv.slice(2);
if (mode === 'serve') for (const port of args) serve(Number(port));
else {
  const seen = mode === 'visit' ? await visit(JSON.parse(args[0])) : await call(args[0], Number(args[1]));
  process.stdout.write(JSON.stringify(seen));
}
