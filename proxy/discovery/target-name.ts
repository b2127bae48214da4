import { parseIp } from '../wire/ip-network.ts';

export type HostKind = 'ip' | 'service' | 'other';

/** The name by which a request's host is looked up. */
export interface TargetName {
  readonly kind: HostKind;
  /** Canonical: an IP address, a fully qualified service name, or the host as it came. */
  readonly host: string;
  /** The host as it came: what is left to the resolver when discovery does not know it. */
  readonly given: string;
  readonly port: number;
}

/**
 * Completes the host of a request as a Kubernetes pod's resolver would: `web` is in the pod's namespace, `web.shop` in
 * namespace `shop`, `web.shop.svc` in this cluster. `localhost` and names that have nothing to do with services stay
 * as they are. A name with one dot may also be a host outside: discovery tells.
 */
export function targetName(host: string, port: number, namespace: string, serviceSuffix: string): TargetName {
  if (parseIp(host) !== undefined) return { kind: 'ip', host, given: host, port };
  const at = { given: host, port };
  const name = host.toLowerCase().replace(/\.$/, '');
  if (name === 'localhost') return { kind: 'other', host: name, ...at };
  if (name.endsWith(`.${serviceSuffix}`)) return { kind: 'service', host: name, ...at };
  const labels = name.split('.');
  if (!labels.every((label) => /^[a-z0-9_]([-a-z0-9_]*[a-z0-9_])?$/.test(label))) return { kind: 'other', host, ...at };
  if (labels.length === 1 && namespace !== '') {
    return { kind: 'service', host: `${name}.${namespace}.${serviceSuffix}`, ...at };
  }
  if (labels.length === 2) return { kind: 'service', host: `${name}.${serviceSuffix}`, ...at };
  if (labels.length === 3 && labels[2] === 'svc') {
    return { kind: 'service', host: `${labels[0]}.${labels[1]}.${serviceSuffix}`, ...at };
  }
  return { kind: 'other', host: name, ...at };
}
