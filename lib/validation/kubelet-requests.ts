import { type Container, isRecord } from '../inject/kubernetes.ts';

/** A request that the kubelet makes of a container, from its node's address and without an identity. */
export interface KubeletRequest {
  /** What it is for: a probe of any kind, or one of the hooks that a container's life has. */
  readonly purpose: 'probe' | 'postStart' | 'preStop';
  readonly speaks: 'HTTP' | 'HTTPS' | 'gRPC';
  readonly port: number;
  /** Of HTTP, without a query. */
  readonly path: string;
}

/**
 * What the kubelet asks of some containers. Probes by TCP are left out, which a sidecar answers by taking the connection,
 * and what is for another host.
 */
export const kubeletRequests = (containers: readonly Container[]): readonly KubeletRequest[] =>
  containers.flatMap((container): KubeletRequest[] => {
    const { livenessProbe, readinessProbe, startupProbe } = container;
    const { postStart, preStop } = isRecord(container.lifecycle) ? container.lifecycle : {};
    return [
      ...requests('probe', livenessProbe, container),
      ...requests('probe', readinessProbe, container),
      ...requests('probe', startupProbe, container),
      ...requests('postStart', postStart, container),
      ...requests('preStop', preStop, container),
    ];
  });

function requests(purpose: KubeletRequest['purpose'], handler: unknown, container: Container): KubeletRequest[] {
  if (!isRecord(handler)) return [];
  const { httpGet, grpc } = handler;
  const get = isRecord(httpGet) && !httpGet.host ? httpGet : undefined;
  const found = get ?? (isRecord(grpc) ? grpc : undefined);
  const port = found && portNumber(found.port, container);
  if (port === undefined) return [];
  const speaks = get === undefined ? 'gRPC' : get.scheme === 'HTTPS' ? 'HTTPS' : 'HTTP';
  return [{ purpose, speaks, port, path: pathOf(get?.path) }];
}

function portNumber(port: unknown, { ports = [] }: Container): number | undefined {
  const named = ports.find(({ name, protocol = 'TCP' }) => name === port && protocol === 'TCP')?.containerPort;
  const number = typeof port === 'string' ? (named ?? Number(port)) : port;
  return typeof number === 'number' && Number.isInteger(number) && number > 0 ? number : undefined;
}

/** As the control plane has it in the route that it makes for probes. */
function pathOf(path: unknown): string {
  const bare = typeof path === 'string' && path !== '' ? path.split('?')[0] : '/';
  return bare.startsWith('/') ? bare : `/${bare}`;
}
