import { request } from 'node:http';
import { connect as http2Connect } from 'node:http2';
import { connect } from 'node:net';
import { connect as tlsConnect } from 'node:tls';
import type { CallOptions } from '../../../model/mesh-model.ts';
import type { TestMesh } from '../test-mesh.ts';
import { openTunnel, readAll } from '../tunnel.ts';

export interface Answer {
  readonly status: number | undefined;
  readonly body: string;
}

/** What comes back: who has answered, the status of what has not, or `closed` for a connection that ends without. */
export type Outcome = string;

const outcomeOf = ({ status, body }: Answer): Outcome => (status === 200 ? body.split(' ')[0] : `${status}`);
/** Of no HTTP from the first one on. */
const noHttp = '\u0001\u0002\r\n';
/** What a proxy answers to calls of gRPC, as it answers other requests. */
const asHttp: Readonly<Record<string, string>> = { 2: '500', 5: '404', 7: '403', 16: '401' };

function shown(text: string): Outcome {
  const [, status, body] = /^HTTP\/1\.1 (\d+)[\s\S]*?\r\n\r\n([\s\S]*)$/.exec(text) ?? [];
  if (status === undefined) return text === '' ? 'closed' : text;
  return outcomeOf({ status: Number(status), body });
}

/** Makes calls in a mesh of real sidecars, as a test writes them for the model. */
export class Calls {
  private readonly mesh: TestMesh;
  private readonly token: () => Promise<string>;

  constructor(mesh: TestMesh, token: () => Promise<string>) {
    this.mesh = mesh;
    this.token = token;
  }

  /** `explicit`: the application asks its sidecar as a proxy of HTTP; `enabled`: its connections are led there. */
  async make(inject: 'enabled' | 'explicit', options: CallOptions): Promise<Outcome> {
    const { to, token, method = 'GET' } = options;
    const { hostname, host, port, pathname, search, protocol } = new URL(to);
    const path = pathname + search;
    const from = String(options.from).replace('test/', '');
    const at = `${hostname}:${port || 80}`;
    const headers = { ...options.headers, ...(token ? { authorization: `Bearer ${await this.token()}` } : {}) };
    if (protocol === 'tls:') return this.tls(from, at, options.serverName ?? hostname);
    const bytes = protocol === 'tcp:' ? noHttp : `GET ${path} HTTP/1.1\r\n${lines({ host, ...headers })}\r\n`;
    if (options.from === undefined) return this.unmeshed(hostname.split('.')[0], bytes);
    if (options.grpc) return this.grpc(from, at, path);
    if (inject === 'enabled') return this.led(from, at, bytes);
    return outcomeOf(await this.ask(from, at, method, path, headers));
  }

  /** By HTTP, of the sidecar as a proxy. */
  ask(from: string, at: string, method: string, path: string, headers: object): Promise<Answer> {
    const options = { host: this.mesh.ip(from), port: 4140, method, path, headers: { host: at, ...headers } };
    return new Promise((resolve, reject) => {
      const asked = request({ ...options, agent: false }, (response) => {
        let body = '';
        response.on('data', (chunk) => {
          body += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode, body }));
      });
      asked.on('error', reject);
      asked.end();
    });
  }

  /** By a tunnel, in which the sidecar finds what it finds where connections are intercepted. */
  private async led(from: string, at: string, bytes: string): Promise<Outcome> {
    const socket = await openTunnel({ host: this.mesh.ip(from), port: 4140 }, at).catch(() => undefined);
    if (socket === undefined) return 'closed';
    socket.write(bytes);
    return shown((await readAll(socket)).text);
  }

  private async tls(from: string, at: string, servername: string): Promise<Outcome> {
    const socket = await openTunnel({ host: this.mesh.ip(from), port: 4140 }, at).catch(() => undefined);
    if (socket === undefined) return 'closed';
    return shown((await readAll(tlsConnect({ socket, servername, rejectUnauthorized: false }))).text);
  }

  /** As a Service leads a client without a sidecar to the listener of a pod's first port. */
  private async unmeshed(to: string, bytes: string): Promise<Outcome> {
    const socket = connect(14_143, this.mesh.ip(to));
    socket.write(bytes);
    return shown((await readAll(socket)).text);
  }

  private grpc(from: string, authority: string, path: string): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      const session = http2Connect(`http://${this.mesh.ip(from)}:4140`);
      const headers = { ':method': 'POST', ':authority': authority, ':path': path };
      const stream = session.request({ ...headers, 'content-type': 'application/grpc', te: 'trailers' });
      let answered: Outcome = 'closed';
      const read = (fields: Record<string, unknown>): void => {
        const status = fields['grpc-status'];
        if (fields['x-name'] !== undefined) answered = String(fields['x-name']);
        else if (status !== undefined && status !== '0') answered = asHttp[String(status)] ?? `gRPC ${status}`;
      };
      stream.on('response', read).on('trailers', read).on('error', reject).resume();
      stream.on('close', () => {
        session.close();
        resolve(answered);
      });
      stream.end();
    });
  }
}

const lines = (headers: Readonly<Record<string, string>>): string =>
  Object.entries({ connection: 'close', ...headers })
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('');
