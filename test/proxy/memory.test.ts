import { createServer, get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished, vi } from 'vitest';
import { LoneProxy } from './lone-proxy.ts';

it('a sidecar gives back what only its start needed of its program, and works on', async () => {
  const upstream = createServer((_incoming, response) => response.end('answered'));
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void upstream.close());
  const { port } = upstream.address() as AddressInfo;
  const proxy = await LoneProxy.start(port);
  onTestFinished(() => proxy.stop());

  await vi.waitFor(() => expect(proxy.memoryMb() / proxy.peakMemoryMb()).toBeLessThan(0.85));
  const status = await new Promise((resolve, reject) => {
    get({ port: proxy.inbound, agent: false, headers: { host: `127.0.0.1:${port}` } }, (response) => {
      response.resume();
      resolve(response.statusCode);
    }).on('error', reject);
  });
  expect([status, proxy.errors()]).toEqual([200, '']);
});
