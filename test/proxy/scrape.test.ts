import { Agent, createServer, get, type RequestOptions } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { MetricsRegistry } from '../../proxy/telemetry/registry.ts';
import { LoneProxy } from './lone-proxy.ts';

/** Scrapes of a sidecar that has called many endpoints, on the thread that carries its traffic. */
const fewestSeries = 5000;
const endpoints = 150;
const mostMs = 12;
let proxy: LoneProxy;
let port: number;
const application = createServer((_request, response) => response.end('ok'));
const agent = new Agent({ keepAlive: true });

beforeAll(async () => {
  await new Promise<void>((resolve) => application.listen(0, resolve));
  port = (application.address() as AddressInfo).port;
  proxy = await LoneProxy.start(port, {
    // There is one thread to be held up.
    LINKERD2_PROXY_CORES: '1',
    // Nobody is asked about the endpoints.
    LINKERD2_PROXY_DESTINATION_PROFILE_NETWORKS: '10.0.0.0/8',
  });
  await Promise.all(Array.from({ length: endpoints }, (_, i) => outbound(i)));
}, 60_000);
afterAll(async () => {
  agent.destroy();
  await proxy?.stop();
  application.close();
  application.closeAllConnections();
});

const read = (options: RequestOptions): Promise<string> =>
  new Promise((resolve, reject) => {
    get(options, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => resolve(text)).on('error', reject);
    }).on('error', reject);
  });
/** A request to one of the loopback's addresses, each of which is an endpoint of its own. */
const outbound = (i: number): Promise<string> =>
  read({ host: '127.0.0.1', port: proxy.outbound, agent, headers: { host: `127.1.${i >> 8}.${i & 255}:${port}` } });
const scrape = (): Promise<string> => read({ host: '127.0.0.1', port: proxy.admin, path: '/metrics', agent: false });
const seriesOf = (text: string): number =>
  text.split('\n').filter((line) => line !== '' && !line.startsWith('#')).length;

it('a scrape of 5,000 series costs less than 15 ms of CPU time, HTTP and all', async () => {
  expect(seriesOf(await scrape())).toBeGreaterThan(fewestSeries);
  for (let i = 0; i < 20; i++) await scrape();
  const scrapes = 60;
  const before = proxy.cpuSeconds();
  for (let i = 0; i < scrapes; i++) await scrape();
  expect(((proxy.cpuSeconds() - before) * 1000) / scrapes).toBeLessThan(15);
}, 60_000);

it('traffic goes on meanwhile: while it is scraped again and again, no request takes longer than 12 ms', async () => {
  /** The longest of the requests that are made one after the other while scrapes are. */
  const longestMs = async (): Promise<number> => {
    let scraping = true;
    const scraped = (async () => {
      for (let i = 0; i < 5; i++) await scrape();
      scraping = false;
    })();
    let longest = 0;
    while (scraping) {
      const beganMs = performance.now();
      await outbound(0);
      longest = Math.max(longest, performance.now() - beganMs);
    }
    await scraped;
    return longest;
  };
  // What else the machine does is in some of the rounds, and what the sidecar does in each.
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 20 && best >= mostMs; i++) best = Math.min(best, await longestMs());
  expect(best).toBeLessThan(mostMs);
}, 60_000);

it('is made in pieces of which none takes longer than 3 ms, also of 50,000 series', () => {
  const registry = new MetricsRegistry(() => 0);
  for (let i = 0; i < 1700; i++) {
    const requests = registry.requestMetrics({ direction: 'outbound', authority: `web-${i}.shop.svc.cluster.local` });
    requests.request();
    requests.response(0, 200, 'success', -1, undefined, 3);
  }
  /** Of each piece, in ms. */
  const round = (): number[] => {
    const times: number[] = [];
    for (const pieces = registry.pieces(); ; ) {
      const beganMs = performance.now();
      const { done } = pieces.next();
      if (done) return times;
      times.push(performance.now() - beganMs);
    }
  };
  // What else the machine does is in some of the rounds, and what a piece takes in each.
  const rounds = Array.from({ length: 10 }, round);
  expect(rounds[0].length).toBeGreaterThan(100);
  const each = rounds[0].map((_, i) => Math.min(...rounds.map((times) => times[i])));
  expect(Math.max(...each)).toBeLessThan(3);
});
