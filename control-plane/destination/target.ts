import { isIP } from 'node:net';
import { canonicalIp } from '../cluster/canonical-ip.ts';

/** What a path of Destination.Get or GetProfile names. */
export type Target =
  | { readonly kind: 'ip'; readonly ip: string; readonly port: number }
  | {
      readonly kind: 'service';
      readonly namespace: string;
      readonly name: string;
      readonly port: number;
      /** One pod of a headless Service. */
      readonly hostname: string | undefined;
    };

export class InvalidTarget extends Error {
  constructor(path: string) {
    super(`Invalid authority: ${path.slice(0, maxLength)}`);
  }
}

/** A name of 253 characters at most, a hostname before and a port behind. */
const maxLength = 512;

/** Reads `<service>.<namespace>.svc.<cluster domain>[:port]`, `<hostname>.<service>...` or `<ip>[:port]`. Throws InvalidTarget. */
export function parseTarget(path: string, clusterDomain: string): Target {
  if (path.length > maxLength) throw new InvalidTarget(path);
  const { host, port } = splitPort(path);
  if (isIP(host) !== 0 && !host.includes('%')) return { kind: 'ip', ip: canonicalIp(host), port };
  const suffix = `.svc.${clusterDomain}`;
  const name = host.toLowerCase().replace(/\.$/, '');
  const labels = name.endsWith(suffix) ? name.slice(0, -suffix.length).split('.') : [];
  if (labels.length < 2 || labels.length > 3 || labels.some((label) => label === '')) {
    throw new InvalidTarget(path);
  }
  const [hostname, service, namespace] = labels.length === 3 ? labels : [undefined, labels[0], labels[1]];
  return { kind: 'service', namespace: namespace!, name: service!, port, hostname };
}

function splitPort(path: string): { host: string; port: number } {
  if (isIP(path) !== 0) return { host: path, port: 80 };
  const match = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(path);
  const port = Number(match?.[3] ?? 80);
  if (!match || port < 1 || port > 65_535) throw new InvalidTarget(path);
  return { host: match[1] ?? match[2], port };
}

/** One text for what is the same target. */
export function targetKey(target: Target): string {
  return target.kind === 'ip'
    ? `ip ${target.ip} ${target.port}`
    : `${target.hostname ?? ''} ${target.namespace}/${target.name}:${target.port}`;
}
