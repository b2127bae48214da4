import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { expect, it, onTestFinished, vi } from 'vitest';
import { LoneProxy } from '../proxy/lone-proxy.ts';
import { scrape, startApplication, sumOf } from './upstream.ts';
import { vector } from './vector.ts';

const attackers = '127.0.0.66';

/** An application and its sidecar; what `sockets` holds is closed behind the test. */
async function world(environment: Record<string, string>, openFiles?: number) {
  const application = await startApplication((request, response) => {
    setTimeout(() => response.end('ok'), request.url === '/slow' ? 2000 : 0);
  });
  const proxy = await LoneProxy.start(application.port, environment, { openFiles });
  const sockets: Socket[] = [];
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    await proxy.stop();
    application.close();
  });
  const open = (localAddress: string): Socket => {
    const socket = connect({ port: proxy.inbound, host: '127.0.0.1', localAddress });
    sockets.push(socket.on('error', () => {}).resume());
    return socket;
  };
  return { application, proxy, sockets, open };
}

/** What a request over a socket is answered. */
function ask(socket: Socket, path = '/'): Promise<string> {
  return new Promise((resolve) => {
    let read = '';
    socket.on('data', (chunk) => {
      read += chunk;
      if (read.includes('\r\n\r\n')) resolve(read.split('\r\n', 1)[0]);
    });
    socket.on('close', () => resolve('closed'));
    socket.write(`GET ${path} HTTP/1.1\r\nhost: a\r\n\r\n`);
  });
}

vector(
  {
    who: 'net',
    attack: 'more connections than the sidecar may have open files',
    promise: 'health and metrics are answered, the log and a metric say so, and when they are gone all is as before',
  },
  async () => {
    const { proxy, sockets, open } = await world({}, 256);
    for (let i = 0; i < 400; i++) open(attackers);
    await vi.waitFor(async () =>
      expect(sumOf(await scrape(proxy), 'proxy_descriptors_refused_total', 'inbound')).toBeGreaterThan(200),
    );
    expect(proxy.log).toMatch(/ERROR connections are closed, since there are no descriptors left .*listener=inbound/);
    expect(proxy.log.match(/no descriptors left/g)).toHaveLength(1);
    for (const socket of sockets) socket.destroy();
    await vi.waitFor(async () => expect(await ask(open('127.0.0.1'))).toBe('HTTP/1.1 200 OK'), 5000);
    expect(proxy.errors()).toBe('');
  },
  40_000,
);

vector(
  {
    who: 'net',
    attack: 'two thousand connections to the admin port',
    promise: 'a client has 64 of them, and the others their probes and metrics',
  },
  async () => {
    const { proxy, sockets } = await world({});
    for (let i = 0; i < 2000; i++) {
      const socket = connect({ port: proxy.admin, host: '127.0.0.1', localAddress: attackers });
      sockets.push(socket.on('error', () => {}).resume());
    }
    await vi.waitFor(
      async () =>
        expect(sumOf(await scrape(proxy), 'proxy_client_refused_total', 'listener="admin"', '"connections"')).toBe(
          1936,
        ),
      10_000,
    );
    expect(proxy.openSockets()).toBeLessThan(100);
    expect(proxy.errors()).toBe('');
  },
  40_000,
);

vector(
  {
    who: 'net',
    attack: 'connections on which nothing is said, to have as many of the application’s',
    promise: 'a client has a hundred of them; another, whose server may speak first, has its own',
  },
  async () => {
    const { application, proxy, open } = await world({ LINKERD2_PROXY_INBOUND_DETECT_TIMEOUT: '300ms' });
    for (let i = 0; i < 300; i++) open(attackers);
    await vi.waitFor(
      async () => expect(sumOf(await scrape(proxy), 'proxy_client_refused_total', 'silence')).toBe(200),
      10_000,
    );
    expect(application.mostAtOnce()).toBe(100);
    open('127.0.0.1');
    await vi.waitFor(() => expect(application.mostAtOnce()).toBe(101), 5000);
  },
  40_000,
);

it('three hundred clients behind one address whose server speaks first are all greeted, and none of them refused', async () => {
  const greeter = createServer((socket) => {
    socket.on('error', () => {}).on('data', () => socket.write('250 hello\r\n'));
    socket.write('220 ready\r\n');
  });
  await new Promise<void>((resolve) => greeter.listen(0, '127.0.0.1', resolve));
  const proxy = await LoneProxy.start((greeter.address() as AddressInfo).port, {
    LINKERD2_PROXY_INBOUND_DETECT_TIMEOUT: '1s',
  });
  const sockets: Socket[] = [];
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    await proxy.stop();
    greeter.close();
  });
  let greeted = 0;
  for (let i = 0; i < 300; i++) {
    const socket = connect(proxy.inbound, '127.0.0.1').on('error', () => {});
    sockets.push(socket);
    let read = '';
    socket.on('data', (chunk) => {
      if (read === '') socket.write('EHLO a\r\n');
      read += chunk;
      if (read === '220 ready\r\n250 hello\r\n') greeted++;
    });
  }
  await vi.waitFor(() => expect(greeted).toBe(300), 10_000);
  expect(sumOf(await scrape(proxy), 'proxy_client_refused_total')).toBe(0);
}, 40_000);

vector(
  {
    who: 'net',
    attack: 'HTTP/1 connections that are kept open behind their last request, for ever',
    promise: 'they are closed after a while, as HTTP lets clients expect it, and never with a request under way',
  },
  async () => {
    const { open } = await world({ LINKERD2_PROXY_HTTP_IDLE_TIMEOUT: '700ms' });
    const http1 = open(attackers);
    const ended = new Promise((resolve) => http1.once('end', resolve));
    const slow = ask(open(attackers), '/slow');
    expect(await ask(http1)).toBe('HTTP/1.1 200 OK');
    await ended;
    expect(await slow).toBe('HTTP/1.1 200 OK');
  },
  20_000,
);
