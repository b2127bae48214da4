import type { Target } from '../control-plane/destination/target.ts';
import type { PolicyContext } from '../control-plane/policy/context.ts';
import { isWithin } from '../lib/contract/cidr.ts';
import type { RequestHead } from '../proxy/wire/stream.ts';
import { outsideAddress } from './addresses.ts';
import type { Call } from './call.ts';
import { targetOf } from './outbound.ts';
import type { Workload } from './workload.ts';

/** How a call leaves the pod of who makes it. */
export interface Departure {
  /** The Service or address that it is for; undefined for a host outside that nobody looks up before it is called. */
  readonly target: Target | undefined;
  /** Why no sidecar of the caller has it; undefined where one does. */
  readonly past: string | undefined;
  /** The caller's sidecar is asked as a proxy of HTTP, and answers what it refuses as such. */
  readonly asked: boolean;
  readonly steps: readonly string[];
}

/**
 * Whether the caller's sidecar has a call, and what it takes it to be for: the address that is called where connections are
 * intercepted, the name where applications ask it as their proxy (explicit mode), the host of requests at an ingress.
 */
export function departure(call: Call, head: RequestHead, context: PolicyContext): Departure {
  const { from, url, connection } = call;
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = portOf(url);
  const namespace = from?.namespace ?? 'default';
  const named = targetOf(host, port, namespace, context);
  const sent = { target: named, past: undefined, asked: false, steps: [] };
  if (from?.meshed !== true) return { ...sent, past: 'the caller has no sidecar: no rules of traffic hold for it' };
  if (from.mode === 'explicit') {
    // Bytes have no variable that would send them to a proxy.
    const isAsked = connection === undefined || connection.serverName !== undefined;
    return isAsked
      ? { ...sent, asked: true }
      : {
          ...sent,
          past: 'in explicit mode connections of no HTTP pass by the sidecar: no rules of traffic hold for it',
        };
  }
  const skip = skippedBy(from, named?.kind === 'ip' ? named.ip : undefined, port);
  if (skip !== undefined) return { ...sent, past: `${skip}: no rules of traffic hold for it` };
  if (from.mode === 'ingress' && connection === undefined) {
    const told = targetOfRequest(head, namespace, context);
    if (told !== undefined)
      return { ...sent, target: told, steps: ['the sidecar of an ingress goes by the host of requests'] };
  }
  if (named !== undefined) return sent;
  const steps = [`its host is no Service: it goes to an address outside, which ${outsideAddress} stands for`];
  return { ...sent, target: { kind: 'ip', ip: outsideAddress, port }, steps };
}

/** What init containers leave alone; undefined where the sidecar has the connection. */
function skippedBy({ skipped }: Workload, ip: string | undefined, port: number): string | undefined {
  if (skipped.ports.has(port)) return `port ${port} is among the ones that its pod skips`;
  if (ip !== undefined && isWithin(ip, skipped.subnets)) return `${ip} is in a subnet that its pod skips`;
  return undefined;
}

/** What an ingress wants called: by the header that says so, else by the host where that is a Service. */
function targetOfRequest(head: RequestHead, namespace: string, context: PolicyContext): Target | undefined {
  const told = head.fields.find(({ name }) => name === 'l5d-dst-override')?.value;
  const url = URL.parse(`http://${told ?? head.authority}`);
  const target = url === null ? undefined : targetOf(url.hostname, portOf(url), namespace, context);
  return told !== undefined || target?.kind === 'service' ? target : undefined;
}

/** Of what is called, where it names none. */
export const portOf = ({ protocol, port }: URL): number =>
  port !== '' ? Number(port) : protocol === 'tls:' ? 443 : 80;
