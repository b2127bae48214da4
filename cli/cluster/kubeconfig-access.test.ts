import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { WebSocketServer } from 'ws';
import { parse, stringify } from 'yaml';
import {
  type CertificateWithKey,
  createAuthority,
  createServerCertificate,
} from '../../control-plane/certificates/create-certificate.ts';
import type { Terminal } from '../terminal.ts';
import { type Cluster, connectCluster } from './cluster.ts';
import { forwardPort } from './port-forward.ts';

let authority: CertificateWithKey;
let shown: { cert: string; key: string };
let folder: string;
let warned: string[];
const closing: (() => void)[] = [];

beforeAll(async () => {
  const common = { lifetimeMs: 86_400_000, nowMs: Date.now() };
  authority = await createAuthority({ ...common, name: 'api' });
  const leaf = await createServerCertificate({ ...common, dnsNames: ['localhost'], signedBy: authority });
  shown = { cert: leaf.certificate, key: leaf.key };
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tulle-access-'));
  warned = [];
});
afterEach(() => {
  for (const close of closing.splice(0)) close();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function portOf(server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
  });
  closing.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

const secureServer = (listener: RequestListener) => createHttpsServer(shown, listener);

/** An API server that says who asked it; it takes port-forwards, and sends what comes back. */
async function apiServer() {
  const shownTo: (string | undefined)[] = [];
  const server = secureServer((request, response) => {
    shownTo.push(request.headers.authorization);
    if (request.headers.authorization === 'Bearer old') response.statusCode = 401;
    response.end('{"gitVersion":"v1.34.0"}');
  });
  const sockets = new WebSocketServer({ noServer: true, handleProtocols: (offered) => [...offered][0] });
  server.on('upgrade', (request, socket, head) => {
    shownTo.push(request.headers.authorization);
    sockets.handleUpgrade(request, socket, head, (pod) => {
      for (const channel of [0, 1]) pod.send(Buffer.from([channel, 80, 0]));
      pod.on('message', (message: Buffer) => {
        pod.send(message);
        pod.close();
      });
    });
  });
  return { url: `https://localhost:${await portOf(server)}`, shownTo };
}

const join2 = (one: Socket, other: Socket): void => {
  one.on('error', () => other.destroy()).pipe(other);
  other.on('error', () => one.destroy()).pipe(one);
};

/** A forward proxy (CONNECT), and where it was asked to lead. */
async function httpProxy(refuse = false) {
  const led: string[] = [];
  const server = createHttpServer();
  server.on('connect', (request, socket: Socket) => {
    led.push(String(request.url));
    if (refuse) {
      socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
      return;
    }
    const port = Number(request.url?.split(':')[1]);
    const target = connect(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      join2(socket, target);
    });
  });
  return { url: `http://127.0.0.1:${await portOf(server)}`, led };
}

/** A SOCKS5 proxy (RFC 1928) without authentication, which looks up names itself. */
async function socksProxy() {
  const led: string[] = [];
  const server = createServer((socket) => {
    socket.once('data', () => {
      socket.write(Buffer.from([5, 0]));
      socket.once('data', (request: Buffer) => {
        expect(request[3]).toBe(3);
        const length = request[4];
        const host = request.subarray(5, 5 + length).toString();
        const port = request.readUInt16BE(5 + length);
        led.push(`${host}:${port}`);
        const target = connect(port, '127.0.0.1', () => {
          socket.write(Buffer.from([5, 0, 0, 1, 127, 0, 0, 1, 0, 0]));
          join2(socket, target);
        });
      });
    });
  });
  return { url: `socks5://127.0.0.1:${await portOf(server)}`, led };
}

const terminal = (): Terminal => ({
  input: async () => Buffer.alloc(0),
  out: () => {},
  err: (line) => warned.push(line),
  cwd: folder,
  environment: { PATH: process.env['PATH'] ?? '' },
  onStop: () => {},
});

const ca = () => Buffer.from(authority.certificate).toString('base64');

function write(cluster: object, user: object, comment = ''): string {
  const path = join(folder, 'config');
  const config = {
    'current-context': 'one',
    contexts: [{ name: 'one', context: { cluster: 'c', user: 'u' } }],
    clusters: [{ name: 'c', cluster: { 'certificate-authority-data': ca(), ...cluster } }],
    users: [
      { name: 'other', user: {} },
      { name: 'u', user },
    ],
  };
  writeFileSync(path, `${comment}${stringify(config)}`, { mode: 0o600 });
  return path;
}

async function open(cluster: object, user: object = { token: 'secret' }, comment = ''): Promise<Cluster> {
  const opened = await connectCluster({ kubeconfig: write(cluster, user, comment) }, terminal());
  closing.push(() => opened.client.close());
  return opened;
}

async function forwarded({ access }: Cluster): Promise<string> {
  const forward = await forwardPort(access, { namespace: 'shop', pod: 'web-1', port: 80 });
  closing.push(() => forward.close());
  const socket = connect(forward.port, '127.0.0.1');
  socket.write('hello');
  const came = await text(socket);
  expect(forward.problem()).toBeUndefined();
  return came;
}

describe('a proxy that the kubeconfig names', () => {
  it.each([
    ['proxy-url: http', httpProxy],
    ['proxy-url: socks5', socksProxy],
  ])('leads calls, answers that go on and port-forwards to the API server (%s)', async (_, start) => {
    const [server, proxy] = [await apiServer(), await start()];
    const cluster = await open({ server: server.url, 'proxy-url': proxy.url });
    expect(await cluster.client.get('/version')).toEqual({ gitVersion: 'v1.34.0' });
    expect(await text(await cluster.client.stream('/version', {}, AbortSignal.timeout(5000)))).toContain('v1.34.0');
    expect(await forwarded(cluster)).toBe('hello');
    expect(new Set(proxy.led)).toEqual(new Set([new URL(server.url).host]));
    expect(new Set(server.shownTo)).toEqual(new Set(['Bearer secret']));
  });

  it('that leads nowhere is told', async () => {
    const [server, proxy] = [await apiServer(), await httpProxy(true)];
    const { client } = await open({ server: server.url, 'proxy-url': proxy.url });
    await expect(client.get('/version')).rejects.toMatchObject({ status: 0, message: expect.stringContaining('403') });
    expect(server.shownTo).toEqual([]);
  });

  it('is not asked to vouch for the API server', async () => {
    const [server, proxy] = [await apiServer(), await httpProxy()];
    const other = await createAuthority({ name: 'other', lifetimeMs: 86_400_000, nowMs: Date.now() });
    const { client } = await open({
      server: server.url,
      'proxy-url': proxy.url,
      'certificate-authority-data': Buffer.from(other.certificate).toString('base64'),
    });
    await expect(client.get('/version')).rejects.toMatchObject({ status: 0 });
    expect(server.shownTo).toEqual([]);
  });
});

describe('a user', () => {
  it('shows a password, as an API server behind a proxy may want it', async () => {
    const server = await apiServer();
    const { client } = await open({ server: server.url }, { username: 'ann', password: 'pass' });
    await client.get('/version');
    expect(server.shownTo).toEqual([`Basic ${Buffer.from('ann:pass').toString('base64')}`]);
  });

  it('whose token is in a file beside the kubeconfig has it read again when it is refused', async () => {
    const server = await apiServer();
    writeFileSync(join(folder, 'token'), 'old\n');
    const { client } = await open({ server: server.url }, { tokenFile: 'token' });
    writeFileSync(join(folder, 'token'), 'new\n');
    expect(await client.get('/version')).toEqual({ gitVersion: 'v1.34.0' });
    expect(server.shownTo).toEqual(['Bearer old', 'Bearer new']);
    rmSync(join(folder, 'token'));
    await expect(open({ server: server.url }, { tokenFile: 'token' })).rejects.toThrow(
      /config: users.tokenFile: ENOENT/,
    );
  });

  it('may be another one, and what is inline counts before a file', async () => {
    const server = await apiServer();
    const user = { token: 'secret', as: 'ann', 'as-groups': ['dev'] };
    const { access, client } = await open({ server: server.url, 'certificate-authority': 'none.pem' }, user);
    expect(access.headers).toEqual({ 'Impersonate-User': 'ann', 'Impersonate-Group': ['dev'] });
    await client.get('/version');
  });
});

describe('a login by OpenID Connect', () => {
  const jwt = (secondsToLive: number, subject = 'ann'): string => {
    const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const claims = {
      iss: issuer.url,
      sub: subject,
      aud: 'tulle',
      iat: 1,
      exp: Math.floor(Date.now() / 1000) + secondsToLive,
    };
    return `${part({ alg: 'RS256' })}.${part(claims)}.c2ln`;
  };
  let issuer: {
    url: string;
    asked: { form: string; authorization: string | undefined }[];
    answer: object;
    methods?: string[];
  };

  beforeEach(async () => {
    const server = secureServer(async (request, response) => {
      response.setHeader('content-type', 'application/json');
      if (request.url === '/.well-known/openid-configuration') {
        const { methods } = issuer;
        const metadata = { issuer: issuer.url, token_endpoint: `${issuer.url}/token` };
        response.end(JSON.stringify({ ...metadata, token_endpoint_auth_methods_supported: methods }));
        return;
      }
      issuer.asked.push({ form: await text(request), authorization: request.headers.authorization });
      if ('error' in issuer.answer) response.statusCode = 400;
      response.end(JSON.stringify(issuer.answer));
    });
    issuer = { url: `https://localhost:${await portOf(server)}`, asked: [], answer: {} };
  });

  const user = (idToken: string, more: object = {}) => ({
    'auth-provider': {
      name: 'oidc',
      config: {
        'idp-issuer-url': issuer.url,
        'idp-certificate-authority-data': ca(),
        'client-id': 'tulle',
        'id-token': idToken,
        'refresh-token': 'refresh-1',
        ...more,
      },
    },
  });

  it('shows the ID token for as long as it holds', async () => {
    const server = await apiServer();
    const token = jwt(3600);
    await (await open({ server: server.url }, user(token))).client.get('/version');
    expect(server.shownTo).toEqual([`Bearer ${token}`]);
    expect(issuer.asked).toEqual([]);
  });

  it('gets another when it has ended, and keeps it with the new refresh token in the file, which stays as it was', async () => {
    const server = await apiServer();
    const fresh = jwt(3600);
    issuer.answer = {
      token_type: 'Bearer',
      access_token: 'a',
      id_token: fresh,
      refresh_token: 'refresh-2',
      expires_in: 60,
    };
    const { client } = await open({ server: server.url }, user(jwt(-60), { 'client-secret': 's' }), '# mine\n');
    await client.get('/version');
    expect(server.shownTo).toEqual([`Bearer ${fresh}`]);
    expect(issuer.asked).toHaveLength(1);
    expect(issuer.asked[0].form).toContain('grant_type=refresh_token');
    expect(issuer.asked[0].form).toContain('refresh_token=refresh-1');
    expect(issuer.asked[0].authorization).toBe(`Basic ${Buffer.from('tulle:s').toString('base64')}`);
    const path = join(folder, 'config');
    const kept = readFileSync(path, 'utf8');
    expect(kept).toMatch(/^# mine\n/);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const [other, one] = (parse(kept) as { users: { user: ReturnType<typeof user> }[] }).users;
    expect(other.user).toEqual({});
    expect(one.user['auth-provider'].config).toMatchObject({ 'id-token': fresh, 'refresh-token': 'refresh-2' });
    expect(warned).toEqual([]);
  });

  it('shows the client’s secret as the issuer takes it, and none where there is none', async () => {
    const server = await apiServer();
    issuer.answer = { token_type: 'Bearer', access_token: 'a', id_token: jwt(3600) };
    issuer.methods = ['client_secret_post'];
    await open({ server: server.url }, user(jwt(-60), { 'client-secret': 's' }));
    await open({ server: server.url }, user(jwt(-60)));
    const [posted, none] = issuer.asked;
    expect(posted.form).toContain('client_secret=s');
    expect(none.form).toContain('client_id=tulle');
    expect(none.form).not.toContain('client_secret');
    expect([posted.authorization, none.authorization]).toEqual([undefined, undefined]);
  });

  it('that the issuer does not give any more is told with what to do', async () => {
    issuer.answer = { error: 'invalid_grant', error_description: 'token is revoked' };
    const opened = open({ server: 'https://localhost:1' }, user(jwt(-60)));
    await expect(opened).rejects.toThrow(
      /config: users.auth-provider: the ID token has ended, and https:\/\/localhost:\d+ gives no other: .*\. Log in again$/,
    );
    const without = open({ server: 'https://localhost:1' }, user(jwt(-60), { 'refresh-token': undefined }));
    await expect(without).rejects.toThrow('client-id and refresh-token are not set');
    const nowhere = open({ server: 'https://localhost:1' }, user('nonsense', { 'idp-issuer-url': 'nowhere' }));
    await expect(nowhere).rejects.toThrow('idp-issuer-url must be a URL');
  });
});
