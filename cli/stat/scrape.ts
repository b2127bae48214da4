import { get } from 'node:http';
import type { Pod } from '../../control-plane/sources/kubernetes-object.ts';
import { parseExposition, type Sample } from './exposition.ts';
import { sidecarOf } from './local-pods.ts';

const timeoutMs = 3000;
const maxBytes = 64 * 1024 * 1024;

/** The metrics of a pod's sidecar; undefined when it has none or does not answer. */
export async function scrape(pod: Pod): Promise<readonly Sample[] | undefined> {
  const sidecar = sidecarOf(pod);
  const host = pod.status?.podIP;
  if (sidecar === undefined || host === undefined) return undefined;
  const port = Number(sidecar.readinessProbe?.httpGet?.port ?? 4191);
  const text = await getText(host, port, '/metrics');
  return text === undefined ? undefined : parseExposition(text);
}

/** `fetch` would follow the http_proxy of the shell. */
function getText(host: string, port: number, path: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const request = get({ host, port, path, agent: false, timeout: timeoutMs }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
        if (text.length > maxBytes) request.destroy();
      });
      response.on('end', () => resolve(response.statusCode === 200 ? text : undefined));
      response.on('error', () => resolve(undefined));
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve(undefined));
    request.on('close', () => resolve(undefined));
  });
}
