import type { PolicyLabels } from '../proxy/model/policy-labels.ts';

/** Kinds as people write them: in what proxies are told they are in small letters. */
const kinds = [
  'Server',
  'HTTPRoute',
  'GRPCRoute',
  'TLSRoute',
  'TCPRoute',
  'AuthorizationPolicy',
  'ServerAuthorization',
  'EgressNetwork',
  'Service',
];
const byLowerCase = new Map(kinds.map((kind) => [kind.toLowerCase(), kind]));

/** The name of a route that somebody wrote; undefined of the one that stands in where nobody did. */
export const routeNameOf = (labels: PolicyLabels | undefined, namespace: string | undefined): string | undefined =>
  labels === undefined || labels.group === '' ? undefined : nameOf(labels, namespace);

/** `AuthorizationPolicy shop/orders-from-web`, or `default all-unauthenticated` for what is no object. */
export function nameOf({ group, kind, name }: PolicyLabels, namespace: string | undefined): string {
  if (group === '') return `${kind} ${name}`;
  const shown = byLowerCase.get(kind.toLowerCase()) ?? kind;
  return namespace === undefined ? `${shown} ${name}` : `${shown} ${namespace}/${name}`;
}
