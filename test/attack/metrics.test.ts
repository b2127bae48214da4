import { afterAll, beforeAll, expect } from 'vitest';
import { MetricsRegistry } from '../../proxy/telemetry/registry.ts';
import { LoneProxy } from '../proxy/lone-proxy.ts';
import { clientHello } from './client-hello.ts';
import { scrape, send, startApplication, sumOf } from './upstream.ts';
import { vector } from './vector.ts';

let application: Awaited<ReturnType<typeof startApplication>>;
let proxy: LoneProxy;

beforeAll(async () => {
  application = await startApplication((_request, response) => response.end('ok'));
  proxy = await LoneProxy.start(application.port);
}, 40_000);
afterAll(async () => {
  await proxy?.stop();
  application?.close();
});

vector(
  {
    who: 'net',
    attack: 'connections that each ask for another server name, of 7.5 kB',
    promise: 'a client without certificate makes no label value: the scrape stays as it was',
  },
  async () => {
    const before = { bytes: (await scrape(proxy)).length, memoryMb: proxy.memoryMb() };
    let sent = 0;
    const worker = async (): Promise<void> => {
      while (sent < 1500) await send(proxy.inbound, clientHello(`${sent++}.${'n'.repeat(7400)}`));
    };
    await Promise.all(Array.from({ length: 25 }, worker));
    const text = await scrape(proxy);
    expect(sumOf(text, 'tcp_open_total', 'peer="src"', 'tls="opaque"')).toBeGreaterThanOrEqual(1500);
    expect(text).not.toContain('nnnn');
    expect(text.length - before.bytes).toBeLessThan(20_000);
    expect(proxy.memoryMb() - before.memoryMb).toBeLessThan(60);
  },
  60_000,
);

vector(
  {
    who: 'mesh',
    attack: 'ten thousand label sets at once, and a scrape of them',
    promise: 'the event loop goes on between pieces of 32 kB, of which 99 of 100 are made in 5 ms',
  },
  async () => {
    const registry = new MetricsRegistry(() => performance.now());
    for (let i = 0; i < 10_000; i++) {
      const requests = registry.requestMetrics({ direction: 'outbound', authority: `web-${i}.shop.svc.cluster.local` });
      requests.request();
      requests.response(0, 200, 'success', -1, undefined, 3);
    }
    const inOnePiece = [...registry.pieces()].join('');
    const times: number[] = [];
    const digest: string[] = [];
    const pieces = registry.pieces();
    for (;;) {
      const beganMs = performance.now();
      const { value, done } = pieces.next();
      times.push(performance.now() - beganMs);
      if (done || value === undefined) break;
      expect(value.length).toBeLessThan(40_000);
      digest.push(value);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(digest.join('') === inOnePiece).toBe(true);
    expect(sumOf(inOnePiece, 'request_total')).toBe(10_000);
    expect(times.sort((a, b) => a - b)[Math.floor(times.length * 0.99)]).toBeLessThan(5);
  },
);
