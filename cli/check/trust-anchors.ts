import type { X509Certificate } from 'node:crypto';
import { get, type IncomingMessage } from 'node:http';
import type { ServerAccess } from '../../control-plane/kubernetes/server-access.ts';
import { readBody } from '../../control-plane/kubernetes/status-error.ts';
import { proxyContainerName } from '../../lib/contract/names.ts';
import { forwardPort } from '../cluster/port-forward.ts';
import { adminPort, sidecarOf } from '../cluster/sidecar.ts';
import { readPem, title } from './certificates.ts';
import type { CheckedPod } from './cluster-facts.ts';

const anchorsVariable = 'LINKERD2_PROXY_IDENTITY_TRUST_ANCHORS';
const timeoutMs = 5000;
const maxBytes = 1024 * 1024;

/**
 * Pods whose proxy may know other anchors than the bundle has now: a proxy reads it once, when it starts. With several
 * anchors in the bundle a rotation is under way, and all are asked; else those that started before the only one began.
 */
export function askedForAnchors(pods: readonly CheckedPod[], bundle: readonly X509Certificate[]): CheckedPod[] {
  if (bundle.length > 1) return [...pods];
  const beginMs = Math.max(...bundle.map(({ validFromDate }) => validFromDate.getTime()));
  return pods.filter(({ status }) => {
    const containers = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
    const startedAt = containers.find(({ name }) => name === proxyContainerName)?.state?.running?.startedAt;
    return startedAt !== undefined && Date.parse(startedAt) < beginMs;
  });
}

/** What is wrong with the anchors that a proxy knows, now that the bundle has `bundle`; undefined when nothing is. */
export function anchorFault(
  known: readonly X509Certificate[],
  bundle: readonly X509Certificate[],
  nowMs: number,
): string | undefined {
  const without = (some: readonly X509Certificate[], others: readonly X509Certificate[]): X509Certificate[] =>
    some.filter(
      ({ fingerprint256, validToDate }) =>
        validToDate.getTime() > nowMs && !others.some((other) => other.fingerprint256 === fingerprint256),
    );
  const [missing] = without(bundle, known);
  if (missing !== undefined) return `knows only older trust anchors, and not ${anchorTitle(missing)}: restart it`;
  const [gone] = without(known, bundle);
  if (gone !== undefined) return `still trusts ${anchorTitle(gone)}, which the bundle has no more: restart it`;
  return undefined;
}

/** Anchors that follow each other have the same name. */
const anchorTitle = (anchor: X509Certificate): string =>
  `${title(anchor)} (SHA-256 ${anchor.fingerprint256.replaceAll(':', '').slice(0, 8).toLowerCase()})`;

/** The anchors that a pod's proxy has read at its start. It tells its environment on its own host only: a port-forward is. */
export async function anchorsOfProxy(access: ServerAccess, pod: CheckedPod): Promise<X509Certificate[]> {
  const { namespace = '', name } = pod.metadata;
  const sidecar = sidecarOf(pod);
  if (sidecar === undefined) throw new Error('it has no sidecar');
  const forward = await forwardPort(access, { namespace, pod: name, port: adminPort(sidecar) });
  try {
    const response = await request(`http://127.0.0.1:${forward.port}/env.json?${anchorsVariable}`);
    const text = await readBody(response, maxBytes);
    if (response.statusCode !== 200) throw new Error(`its proxy answers ${response.statusCode}`);
    const { [anchorsVariable]: anchors } = JSON.parse(text) as Readonly<Record<string, unknown>>;
    return readPem(String(anchors ?? ''), 'what its proxy tells');
  } catch (error) {
    throw new Error(forward.problem() ?? (error as Error).message);
  } finally {
    forward.close();
  }
}

function request(url: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    get(url, { agent: false, signal: AbortSignal.timeout(timeoutMs) }, resolve).on('error', reject);
  });
}
