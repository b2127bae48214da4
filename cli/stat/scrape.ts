import { get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubernetesClient } from '../../control-plane/kubernetes/client.ts';
import { parseExposition, type Sample } from '../../lib/figures/exposition.ts';
import { increases } from '../../lib/figures/increases.ts';
import type { Pod } from '../../lib/kinds/pod.ts';
import { eachBounded, getText, podMetricsPath } from '../cluster/objects.ts';
import { isRefused, refusalText } from '../cluster/refusal.ts';
import { adminPort, sidecarOf } from '../cluster/sidecar.ts';
import type { Measurement, PodSamples } from './figures-source.ts';

const localTimeoutMs = 3000;
const clusterTimeoutMs = 10_000;
const maxBytes = 64 * 1024 * 1024;
/** Sidecars that are asked at the same time: the API server is shared with others. */
const concurrency = 16;

/** The metrics of a pod's sidecar as text. Rejects with the reason when it does not give them. */
export type Scraper = (pod: Pod, port: number) => Promise<string>;

/** What sidecars told at one time. */
export interface Scrape {
  readonly samples: ReadonlyMap<Pod, { readonly samples: readonly Sample[]; readonly atMs: number }>;
  /** Those that told nothing, with the reason. */
  readonly silent: ReadonlyMap<Pod, string>;
}

/** Asks each sidecar once; pods without one are passed over. */
export async function scrapeAll(pods: readonly Pod[], scraper: Scraper): Promise<Scrape> {
  const samples = new Map<Pod, { samples: readonly Sample[]; atMs: number }>();
  const silent = new Map<Pod, string>();
  await eachBounded(pods, concurrency, async (pod) => {
    const sidecar = sidecarOf(pod);
    if (sidecar === undefined) return;
    try {
      const text = await scraper(pod, adminPort(sidecar));
      samples.set(pod, { samples: parseExposition(text), atMs: performance.now() });
    } catch (error) {
      silent.set(pod, isRefused(error) ? refusalText(error) : (error as Error).message);
    }
  });
  return { samples, silent };
}

/** What happened between two scrapes. Each pod has a window of its own, since many pods are not asked at once. */
export function measurementBetween(before: Scrape, after: Scrape): Measurement {
  const samples = new Map<Pod, PodSamples>();
  for (const [pod, now] of after.samples) {
    const then = before.samples.get(pod);
    if (then === undefined) continue;
    samples.set(pod, { samples: increases(then.samples, now.samples), windowMs: now.atMs - then.atMs });
  }
  return { samples, silent: new Map([...before.silent, ...after.silent]) };
}

export async function measure(pods: readonly Pod[], windowMs: number, scraper: Scraper): Promise<Measurement> {
  const before = await scrapeAll(pods, scraper);
  await sleep(windowMs);
  return measurementBetween(before, await scrapeAll(pods, scraper));
}

/** Asks the pod's own address: that of the local mesh. */
export const directScraper: Scraper = (pod, port) => {
  const host = pod.status?.podIP;
  return host === undefined ? Promise.reject(new Error('has no address yet')) : getDirect(host, port);
};

/** Asks through the API server, which reaches every pod. */
export function clusterScraper(client: KubernetesClient): Scraper {
  return ({ metadata }, port) =>
    getText(client, podMetricsPath(metadata.namespace ?? '', metadata.name, port), {
      timeoutMs: clusterTimeoutMs,
      maxBytes,
    });
}

/** `fetch` would follow the http_proxy of the shell. */
function getDirect(host: string, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { host, port, path: '/metrics', agent: false, timeout: localTimeoutMs };
    const request = get(options, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
        if (text.length > maxBytes) request.destroy(new Error(`gave more than ${maxBytes} bytes`));
      });
      response.on('end', () =>
        response.statusCode === 200 ? resolve(text) : reject(new Error(`answered ${response.statusCode}`)),
      );
      response.on('error', reject);
    });
    request.on('timeout', () => request.destroy(new Error(`did not answer within ${localTimeoutMs} ms`)));
    request.on('error', reject);
  });
}
