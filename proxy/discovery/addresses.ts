import { parseIp } from '../wire/ip-network.ts';

export type HostKind = 'ip' | 'service' | 'other';

/** The name by which a request's host is looked up. */
export interface TargetName {
  readonly kind: HostKind;
  /** An IP address, the fully qualified name where it can mean only one, or the host as it came, in lower case. */
  readonly host: string;
  /** The host as it came: what is left to the resolver when discovery does not know it. */
  readonly given: string;
  readonly port: number;
  /** The fully qualified names that a service's host may mean: the first that discovery knows. */
  readonly candidates: readonly string[];
}

/**
 * Completes the host of a request as a Kubernetes pod's resolver would, with its search path `shop.svc.cluster.local
 * svc.cluster.local cluster.local` and `ndots:5`. In namespace `shop`:
 *
 *     web               web.shop.svc.cluster.local
 *     web.other         web.other.shop.svc.cluster.local (pod `web` of the headless Service `other`),
 *                       then web.other.svc.cluster.local (Service `web` of namespace `other`)
 *     web-0.web.other   web-0.web.other.svc.cluster.local
 *     web.other.svc     web.other.svc.cluster.local
 *
 * What is not in the cluster may be such a name too (`example.com`, `api.example.com`): discovery tells, and nothing goes
 * to where the resolver leads before it has. A name that ends with a dot is not completed, neither is `localhost`.
 * A namespace called `svc` is not thought of.
 */
export function targetName(host: string, port: number, namespace: string, serviceSuffix: string): TargetName {
  const at = { given: host, port };
  if (parseIp(host) !== undefined) return { kind: 'ip', host, candidates: [], ...at };
  const name = host.toLowerCase().replace(/\.$/, '');
  const candidates = candidatesOf(name, host.endsWith('.'), namespace, serviceSuffix);
  const kind = candidates.length === 0 ? 'other' : 'service';
  return { kind, host: candidates.length === 1 ? candidates[0] : name, candidates, ...at };
}

const label = /^[a-z0-9_]([-a-z0-9_]*[a-z0-9_])?$/;

function candidatesOf(name: string, isAbsolute: boolean, namespace: string, serviceSuffix: string): string[] {
  if (name.endsWith(`.${serviceSuffix}`)) return [name];
  const labels = name.split('.');
  if (isAbsolute || name === 'localhost' || !labels.every((text) => label.test(text))) return [];
  if (labels.at(-1) === 'svc' && (labels.length === 3 || labels.length === 4)) {
    return [`${labels.slice(0, -1).join('.')}.${serviceSuffix}`];
  }
  const here = namespace === '' || labels.length > 2 ? [] : [`${name}.${namespace}.${serviceSuffix}`];
  const anywhere = labels.length === 2 || labels.length === 3 ? [`${name}.${serviceSuffix}`] : [];
  return [...here, ...anywhere];
}
