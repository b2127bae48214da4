import { once } from 'node:events';
import { Agent, createServer, request } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { expect, it, onTestFinished, vi } from 'vitest';
import { LoneProxy } from './lone-proxy.ts';

async function start(
  format: 'apache' | 'json',
  options: Parameters<typeof LoneProxy.start>[2] = {},
): Promise<LoneProxy> {
  const server = createServer((asked, response) => {
    asked.resume();
    asked.on('end', () => {
      response.statusCode = asked.url === '/missing' ? 404 : 200;
      response.end(`hello ${asked.url}`);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const environment = { LINKERD2_PROXY_ACCESS_LOG: format, LINKERD2_PROXY_SHUTDOWN_ENDPOINT_ENABLED: 'true' };
  const proxy = await LoneProxy.start(port, environment, options);
  onTestFinished(() => proxy.stop());
  return proxy;
}

function lines(proxy: LoneProxy): Record<string, unknown>[] {
  return proxy.log
    .split('\n')
    .filter((line) => line.startsWith('{"client.addr"'))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

it('writes a line for each request that came in, with its answer and the bytes of both bodies', async () => {
  const proxy = await start('json');
  const url = `http://127.0.0.1:${proxy.inbound}`;
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  await fetch(`${url}/votes?of=doughnut`, { method: 'POST', body: 'x'.repeat(10_000), headers: { traceparent } });
  await fetch(`${url}/missing`);
  await vi.waitFor(() => expect(lines(proxy)).toHaveLength(2));
  const [first, second] = lines(proxy);
  expect(first).toMatchObject({
    ...{ method: 'POST', uri: '/votes?of=doughnut', version: 'HTTP/1.1', status: 200, request_bytes: '10000' },
    ...{ response_bytes: String('hello /votes?of=doughnut'.length), trace_id: '0af7651916cd43dd8448eb211c80319c' },
    ...{ tries: 1, server: 'default/all-unauthenticated', authz: 'default/all-unauthenticated', 'client.id': '-' },
  });
  expect(Number(first['total_ns'])).toBeGreaterThan(Number(first['processing_ns']));
  expect(second).toMatchObject({ uri: '/missing', status: 404 });
});

it('tells of requests that the client gave up, and that the proxy failed', async () => {
  const proxy = await start('json');
  // Nobody answers to CONNECT here.
  const client = connect(proxy.inbound, '127.0.0.1');
  onTestFinished(() => void client.destroy());
  client.write('CONNECT other:80 HTTP/1.1\r\nhost: other:80\r\n\r\n');
  await vi.waitFor(() => expect(lines(proxy)).toHaveLength(1));
  expect(lines(proxy)[0]).toMatchObject({ method: 'CONNECT', tries: 0 });
  expect(lines(proxy)[0]['error']).toBeTypeOf('string');
  const upload = request({ port: proxy.inbound, method: 'POST', path: '/upload', headers: { 'content-length': 100 } });
  upload.on('error', () => {});
  upload.write('x');
  await vi.waitFor(async () => expect(await proxy.metrics()).toMatch(/^inbound_http_requests_in_flight 1$/m));
  upload.destroy();
  await vi.waitFor(() => expect(lines(proxy)).toHaveLength(2));
  expect(lines(proxy)[1]).toMatchObject({ uri: '/upload', status: 0, request_bytes: '1', error: 'client cancelled' });
});

it('loses no line of what it was asked before it was told to end', async () => {
  const proxy = await start('apache');
  await fetch(`http://127.0.0.1:${proxy.inbound}/last`);
  await fetch(`http://127.0.0.1:${proxy.admin}/shutdown`, { method: 'POST' });
  expect(await proxy.ended()).toBe(0);
  await vi.waitFor(() => expect(proxy.log).toContain('/last'));
  expect(proxy.log).toMatch(/^127\.0\.0\.1:\d+ - - \[\d{4}-.*Z\] "GET \/last HTTP\/1\.1" 200 server=default\//m);
});

it('answers on while nobody reads the log, and counts the lines that were dropped', async () => {
  const proxy = await start('json', { readsErrors: false });
  const agent = new Agent({ keepAlive: true, maxSockets: 20 });
  onTestFinished(() => agent.destroy());
  const path = `/${'x'.repeat(1900)}`;
  const ask = (): Promise<number> =>
    new Promise((resolve, reject) => {
      const asked = request({ agent, port: proxy.inbound, path }, (response) => {
        response.resume();
        response.on('end', () => resolve(response.statusCode as number));
      });
      asked.on('error', reject);
      asked.end();
    });
  const before = proxy.memoryMb();
  const statuses = new Set<number>();
  // 1,500 lines of 2 kB are more than the pipe and the queue have room for.
  for (let i = 0; i < 75; i++)
    for (const status of await Promise.all(Array.from({ length: 20 }, ask))) statuses.add(status);
  expect([...statuses]).toEqual([200]);
  const dropped = /^access_log_lines_dropped_total (\d+)$/m.exec(await proxy.metrics());
  expect(Number(dropped?.[1])).toBeGreaterThan(100);
  expect(proxy.memoryMb() - before).toBeLessThan(64);
});
