import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { expect, it, onTestFinished, vi } from 'vitest';
import { LoneProxy } from './lone-proxy.ts';
import { freePort } from './test-mesh.ts';

async function start(environment: Record<string, string> = {}, upstreamPort?: number): Promise<LoneProxy> {
  const proxy = await LoneProxy.start(upstreamPort ?? (await freePort()), environment);
  onTestFinished(() => proxy.stop());
  return proxy;
}

const ask = (proxy: LoneProxy, path: string, method = 'GET'): Promise<Response> =>
  fetch(`http://127.0.0.1:${proxy.admin}${path}`, { method });

it('a job that shuts its proxy down is answered, and the proxy ends with 0', async () => {
  const proxy = await start({ LINKERD2_PROXY_SHUTDOWN_ENDPOINT_ENABLED: 'true' });
  const response = await ask(proxy, '/shutdown', 'POST');
  expect([response.status, await response.text()]).toEqual([200, 'shutdown\n']);
  expect(await proxy.ended()).toBe(0);
});

it('a log level in capitals does not stop the start, and a broken query breaks nothing', async () => {
  const proxy = await start({ LINKERD2_PROXY_LOG: 'WARN', LINKERD2_PROXY_LOG_FORMAT: 'json' });
  expect((await ask(proxy, '/env.json?%')).status).toBe(400);
  expect((await ask(proxy, '/live')).status).toBe(200);
  expect(proxy.errors()).toBe('');
});

it('what is set and changes nothing is warned of at start, once each and without its value', async () => {
  const proxy = await start({
    LINKERD2_PROXY_LOG_FORMAT: 'json',
    LINKERD2_PROXY_DNS_MIN_TTL: '5s',
    LINKERD2_PROXY_INBOUND_CONECT_TIMEOUT: 'soon',
    LINKERD2_PROXY_IDENTITY_DIR: '/identity',
  });
  await vi.waitFor(() => expect(proxy.log).toContain('"started"'));
  const lines = proxy.log
    .split('\n')
    .filter((line) => line.includes('no effect'))
    .map((line) => JSON.parse(line) as { level: string; fields: Record<string, string> });
  expect(lines.map(({ level, fields }) => [level, fields['variable'], fields['reason']])).toEqual([
    ['WARN', 'LINKERD2_PROXY_DNS_MIN_TTL', "names are looked up by the system's resolver"],
    ['WARN', 'LINKERD2_PROXY_INBOUND_CONECT_TIMEOUT', 'there is no variable of this name: is it misspelt?'],
  ]);
  expect(proxy.log).not.toContain('soon');
});

it('without a deadline for detection a client may take its time: it is waited for, not taken for opaque', async () => {
  const server = createServer((_request, response) => response.end('answered'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const proxy = await start({ LINKERD2_PROXY_INBOUND_DETECT_TIMEOUT: '8760h' }, (server.address() as AddressInfo).port);
  const client = connect(proxy.inbound, '127.0.0.1');
  onTestFinished(() => void client.destroy());
  let read = '';
  client.on('data', (chunk) => {
    read += chunk;
  });
  client.write('GET / HT');
  // Longer than the millisecond that a timer takes which has overflowed.
  for (let i = 0; i < 5; i++) await ask(proxy, '/metrics').then((response) => response.text());
  client.write('TP/1.1\r\nhost: web\r\n\r\n');
  await vi.waitFor(() => expect(read).toContain('answered'));
  const metrics = await ask(proxy, '/metrics').then((response) => response.text());
  expect(metrics).toMatch(/^request_total\{direction="inbound".*\} 1$/m);
});
