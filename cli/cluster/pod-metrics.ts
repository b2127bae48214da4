import { get, type IncomingMessage } from 'node:http';
import type { Cluster } from './cluster.ts';
import { podMetricsPath } from './objects.ts';
import { forwardPort, type PodPort } from './port-forward.ts';
import { isRefused } from './refusal.ts';

/**
 * The metrics of an admin server in a pod, by the API server's proxy. That one comes with no identity, so policy may not
 * let it in: a port-forward, which comes from the pod's own host, is tried then. Rejects with the first refusal when that
 * is refused as well.
 */
export async function* podMetrics(
  { client, access }: Pick<Cluster, 'client' | 'access'>,
  target: PodPort,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void> {
  const { namespace, pod, port } = target;
  let proxied: AsyncIterable<Uint8Array>;
  try {
    proxied = await client.stream(podMetricsPath(namespace, pod, port), {}, signal);
  } catch (refusal) {
    if (!isRefused(refusal)) throw refusal;
    const forward = await forwardPort(access, target);
    try {
      const response = await metricsOf('127.0.0.1', forward.port, signal).catch(() => undefined);
      if (response === undefined) throw refusal;
      yield* response;
    } finally {
      forward.close();
    }
    return;
  }
  yield* proxied;
}

/** The metrics of an admin server that is reached directly. Rejects when it does not give them. */
export async function metricsOf(host: string, port: number, signal: AbortSignal): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  // `fetch` would follow the http_proxy of the shell.
  get({ host, port, path: '/metrics', agent: false, signal }, resolve).on('error', reject);
  const response = await promise;
  if (response.statusCode === 200) return response;
  response.destroy();
  throw new Error(`answered ${response.statusCode}`);
}
