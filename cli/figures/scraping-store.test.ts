import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { ApiError } from '../../control-plane/kubernetes/api.ts';
import { KubernetesClient } from '../../control-plane/kubernetes/client.ts';
import type { FigureQuery } from '../../lib/figures/query.ts';
import type { Pod } from '../../lib/kinds/pod.ts';
import type { Workload, WorkloadDirectory } from './directory.ts';
import { clusterScraper, directScraper, type Scraper } from './scraper.ts';
import { type Clock, ScrapingStore } from './scraping-store.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

/** A pod whose sidecar's admin server does what `answer` does, the first time and then. */
async function sidecar(name: string, ...answers: readonly (RequestListener | string)[]): Promise<Pod> {
  let asked = 0;
  const server = createServer((request, response) => {
    const answer = answers[Math.min(asked++, answers.length - 1)];
    if (typeof answer === 'string') response.end(answer);
    else answer(request, response);
  });
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return podAt(name, (server.address() as AddressInfo).port);
}

const podAt = (name: string, port: number): Pod => ({
  ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'shop' } },
  spec: { initContainers: [{ name: 'tulle-proxy', readinessProbe: { httpGet: { port } } }] },
  status: { phase: 'Running', podIP: '127.0.0.1' },
});

const directory = (workloads: readonly Workload[]): WorkloadDirectory => ({
  workloads: async ({ name }) => workloads.filter((workload) => name === undefined || workload.name === name),
  profiles: async () => [],
  gatewayRoutes: async () => [],
  close: () => {},
});

/** Ten seconds pass at once. */
function jumpingClock(): Clock {
  let nowMs = 0;
  return {
    nowMs: () => nowMs,
    sleep: async (ms) => {
      nowMs += ms;
    },
  };
}

const all: FigureQuery<'workload'> = {
  by: 'workload',
  subject: { kind: 'deployment', namespace: 'shop' },
  windowMs: 10_000,
};
const ask = (pods: readonly Pod[], scraper: Scraper = directScraper, signal = new AbortController().signal) =>
  new ScrapingStore(directory([{ namespace: 'shop', name: 'web', pods }]), scraper, jumpingClock()).query(all, signal);

const total = (value: number | string): string =>
  `response_total{direction="inbound",classification="success"} ${value}\n`;

it('is what all sidecars counted in the window, each by its own', async () => {
  const pods = [await sidecar('a', total(10), total(40)), await sidecar('b', total(7), total(5))];
  const { rows, silent } = await ask([...pods, { ...podAt('plain', 1), spec: {} }]);
  expect(rows).toMatchObject([{ name: 'web', pods: 3, meshedPods: 2, traffic: { successes: 35, rps: 3.5 } }]);
  expect(silent).toMatchObject({ count: 0, some: [] });
});

it('a sidecar that fails is named with what it did, and the others are counted', async () => {
  const endless =
    (text: string): RequestListener =>
    (_, response) => {
      const chunk = text.repeat(Math.ceil(65_536 / text.length));
      const more = (): void => {
        while (!response.destroyed && response.write(chunk));
      };
      response.on('drain', more);
      more();
    };
  const hostile: Record<string, readonly (RequestListener | string)[]> = {
    'endless-body': [endless(`# ${'nothing '.repeat(1000)}\n`)],
    'endless-line': [endless('x')],
    'no-numbers': [total('NaN')],
    negative: [total(3), total(-3)],
    broken: [(_, response) => response.writeHead(200).write(total(1), () => response.destroy())],
    refusing: [(_, response) => response.writeHead(503).end()],
    // What it has told before it broke off is not counted either.
    'broken later': [total(0), (_, response) => response.write(total(99), () => response.destroy())],
  };
  const pods = await Promise.all(Object.entries(hostile).map(([name, answers]) => sidecar(name, ...answers)));
  const good = await sidecar('good', total(1), total(21));
  const { rows, silent } = await ask([good, podAt('gone', 1), ...pods], { ...directScraper, timeoutMs: 15_000 });
  expect(rows[0].traffic).toMatchObject({ successes: 20, rps: 2 });
  expect(silent.count).toBe(pods.length + 1);
  expect(Object.fromEntries(silent.some.map(({ name, reason }) => [name, reason]))).toEqual({
    'endless-body': 'gave more than 67108864 bytes of metrics',
    'endless-line': 'gave a line of more than 65536 bytes',
    'no-numbers': 'tells response_total as NaN, which is no count',
    negative: 'tells response_total as -3, which is no count',
    broken: 'aborted',
    refusing: 'answered 503',
    'broken later': 'aborted',
    gone: 'connect ECONNREFUSED 127.0.0.1:1',
  });
});

it('one that goes on and on has a deadline, asked directly or by the API server', async () => {
  const drip: RequestListener = (_, response) => {
    const timer = setInterval(() => response.write(total(1)), 10);
    response.on('close', () => clearInterval(timer));
  };
  const pod = await sidecar('web-1', drip);
  const port = pod.spec?.initContainers?.[0].readinessProbe?.httpGet?.port;
  const access = {
    url: new URL(`http://127.0.0.1:${port}`),
    credentials: () => ({}),
    refresh: async () => {},
    close: () => {},
  };
  const client = new KubernetesClient(access);
  for (const scraper of [directScraper, clusterScraper({ client, access })]) {
    const { silent } = await ask([pod], { ...scraper, timeoutMs: 100 });
    expect(silent.some).toMatchObject([{ name: 'web-1', reason: 'did not tell its metrics within 100 ms' }]);
  }
  client.close();
});

it('of many that do not answer ten are named, with no more than a line of what they said', async () => {
  const scraper: Scraper = { timeoutMs: 1000, scrape: () => Promise.reject(new Error('no'.repeat(1000))) };
  const { silent } = await ask(
    Array.from({ length: 500 }, (_, i) => podAt(`web-${i}`, 1)),
    scraper,
  );
  expect(silent.count).toBe(500);
  expect(silent.some).toHaveLength(10);
  expect(silent.some[0].reason).toHaveLength(300);
});

it('a scrape that the API server refuses is told whole, with what shows the refusal, however long the name', async () => {
  const name = `web-${'x'.repeat(240)}`;
  const call = `GET /api/v1/namespaces/shop/pods/${name}:4191/proxy/metrics`;
  const refusing: Scraper = {
    timeoutMs: 1000,
    scrape: () => Promise.reject(new ApiError(403, 'Forbidden', 'refused', { call })),
  };
  const { silent } = await ask([podAt(name, 4191)], refusing);
  const [{ reason }] = silent.some;
  expect(reason).toBe(
    `you may not get the proxy of pods/${name} in namespace shop: ` +
      `see 'kubectl auth can-i get pods/${name} --subresource=proxy --namespace shop'`,
  );
});

it('no more than sixteen sidecars are asked at once', async () => {
  let [now, most] = [0, 0];
  const scraper: Scraper = {
    timeoutMs: 1000,
    scrape: async () => {
      most = Math.max(most, ++now);
      await new Promise(setImmediate);
      now--;
    },
  };
  await ask(
    Array.from({ length: 100 }, (_, i) => podAt(`web-${i}`, 1)),
    scraper,
  );
  expect(most).toBe(16);
});

describe('a query', () => {
  it('waits for nothing where no sidecar is to be asked', async () => {
    const clock: Clock = { nowMs: () => 0, sleep: () => Promise.reject(new Error('slept')) };
    const plain = { ...podAt('plain', 1), spec: {} };
    const store = new ScrapingStore(
      directory([{ namespace: 'shop', name: 'web', pods: [plain] }]),
      directScraper,
      clock,
    );
    const { rows } = await store.query(all, new AbortController().signal);
    expect(rows).toMatchObject([{ pods: 1, meshedPods: 0, traffic: { rps: 0 } }]);
  });

  it('ends with its signal, and so does the scrape that is under way', async () => {
    const over = new AbortController();
    const closed = Promise.withResolvers<void>();
    const pod = await sidecar('web-1', (_, response) => {
      response.on('close', () => closed.resolve());
      over.abort(new Error('given up'));
    });
    await expect(ask([pod], directScraper, over.signal)).rejects.toThrow('given up');
    await closed.promise;
  });

  it('ends with its signal while the window passes', async () => {
    const over = new AbortController();
    const pods = [await sidecar('web-1', total(1))];
    const scraper: Scraper = {
      ...directScraper,
      scrape: async (...args) => {
        await directScraper.scrape(...args);
        setImmediate(() => over.abort(new Error('given up')));
      },
    };
    const store = new ScrapingStore(directory([{ namespace: 'shop', name: 'web', pods }]), scraper);
    await expect(store.query(all, over.signal)).rejects.toThrow('given up');
  });

  it('says which subject is not there', async () => {
    const store = new ScrapingStore(directory([{ namespace: 'shop', name: 'web', pods: [] }]), directScraper);
    const named = (name: string) => ({ kind: 'deployment', name, namespace: 'shop' });
    const { signal } = new AbortController();
    await expect(store.query({ ...all, subject: named('db') }, signal)).rejects.toMatchObject({
      message: 'no deployment/db in namespace shop',
      role: 'subject',
    });
    await expect(store.query({ ...all, from: named('db') }, signal)).rejects.toMatchObject({ role: 'from' });
  });

  it('has a row for each pod of its subject', async () => {
    const pods = [await sidecar('a', total(0), total(40)), await sidecar('b', total(0), total(5))];
    const store = new ScrapingStore(
      directory([{ namespace: 'shop', name: 'web', pods }]),
      directScraper,
      jumpingClock(),
    );
    const { rows } = await store.query({ ...all, by: 'pod' }, new AbortController().signal);
    expect(rows).toMatchObject([
      { name: 'a', status: 'Running', traffic: { successes: 40 } },
      { name: 'b', status: 'Running', traffic: { successes: 5 } },
    ]);
  });
});
