import { proxyContainerName } from '../../lib/contract/names.ts';
import { proxyPorts } from '../../lib/contract/ports.ts';
import type { Container, Pod } from '../../lib/kinds/pod.ts';

/** The proxy's container of a pod, wherever it stands; undefined when the pod is not meshed. */
export function sidecarOf({ spec }: Pod): Container | undefined {
  const containers = [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])];
  return containers.find(({ name }) => name === proxyContainerName);
}

/** The port of a sidecar's admin server: that of its probe. */
export const adminPort = (sidecar: Container): number =>
  Number(sidecar.readinessProbe?.httpGet?.port ?? proxyPorts.admin);

/** Variables of a sidecar that say which mesh it is of (lib/inject/proxy-env.ts). */
export const meshVariables = { meshNamespace: '_l5d_ns', trustDomain: '_l5d_trustdomain' } as const;

/** The mesh that a sidecar is of, by itself; undefined where it does not say. */
export function meshOf({ env }: Container): { meshNamespace: string; trustDomain: string } | undefined {
  const value = (name: string): string | undefined => env?.find((variable) => variable.name === name)?.value;
  const [meshNamespace, trustDomain] = [value(meshVariables.meshNamespace), value(meshVariables.trustDomain)];
  return meshNamespace && trustDomain ? { meshNamespace, trustDomain } : undefined;
}

/** The port where a sidecar serves taps; undefined when nobody may tap it. */
export function tapPort({ env }: Container): number | undefined {
  const value = (name: string): string | undefined =>
    env?.find((variable) => variable.name === `LINKERD2_PROXY_${name}`)?.value;
  if (!value('TAP_SVC_NAME')) return undefined;
  const port = Number(/:(\d+)$/.exec(value('CONTROL_LISTEN_ADDR') ?? '')?.[1]);
  return port > 0 ? port : proxyPorts.control;
}
