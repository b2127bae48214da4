import type { Pod } from '../../lib/kinds/pod.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { metricsOf, podMetrics } from '../cluster/pod-metrics.ts';
import { adminPort, sidecarOf } from '../cluster/sidecar.ts';

/** A way to the metrics of sidecars. */
export interface Scraper {
  /** How long one sidecar may take for all of its metrics. */
  readonly timeoutMs: number;
  /**
   * Tells the metrics of a pod's sidecar as they come. Rejects with the reason when they do not come to their end, or
   * with what `onBytes` throws.
   */
  scrape(pod: Pod, port: number, onBytes: (chunk: Uint8Array) => void, signal: AbortSignal): Promise<void>;
}

/** Something that metrics are read into: what it makes of them stands when they have come to their end. */
export interface MetricsReader<T> {
  push(chunk: Uint8Array): void;
  end(): T;
}

/**
 * What a reader makes of the metrics of a pod that has a sidecar. Rejects with the reason when they do not come in time,
 * or the reader does not take them.
 */
export async function readMetrics<T>(
  { timeoutMs, scrape }: Scraper,
  pod: Pod,
  reader: MetricsReader<T>,
  signal?: AbortSignal,
): Promise<T> {
  const sidecar = sidecarOf(pod);
  if (sidecar === undefined) throw new Error('has no sidecar');
  const deadline = AbortSignal.timeout(timeoutMs);
  const either = signal === undefined ? deadline : AbortSignal.any([signal, deadline]);
  try {
    await scrape(pod, adminPort(sidecar), (chunk) => reader.push(chunk), either);
  } catch (error) {
    throw deadline.aborted ? new Error(`did not tell its metrics within ${timeoutMs} ms`) : error;
  }
  return reader.end();
}

/** Asks the pod's own address: that of the local mesh. */
export const directScraper: Scraper = {
  timeoutMs: 3000,
  scrape: async (pod, port, onBytes, signal) => {
    const host = pod.status?.podIP;
    if (host === undefined) throw new Error('has no address yet');
    const response = await metricsOf(host, port, signal);
    for await (const chunk of response) onBytes(chunk as Buffer);
  },
};

/** Asks through the API server, which reaches every pod. */
export const clusterScraper = (cluster: Pick<Cluster, 'client' | 'access'>): Scraper => ({
  timeoutMs: 10_000,
  scrape: async ({ metadata: { namespace = '', name } }, port, onBytes, signal) => {
    for await (const chunk of podMetrics(cluster, { namespace, pod: name, port }, signal)) onBytes(chunk);
  },
});
