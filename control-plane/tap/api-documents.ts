import { tapGroup, tapVersion } from './access.ts';

const groupVersion = `${tapGroup}/${tapVersion}`;
const version = { groupVersion, version: tapVersion };
const group = { name: tapGroup, versions: [version], preferredVersion: version };

/** What can be tapped: its plural, short name, and whether it stands in a namespace. */
const resources: readonly (readonly [plural: string, short: string, namespaced: boolean])[] = [
  ['namespaces', 'ns', false],
  ['pods', 'po', true],
  ['replicationcontrollers', 'rc', true],
  ['services', 'svc', true],
  ['daemonsets', 'ds', true],
  ['deployments', 'deploy', true],
  ['replicasets', 'rs', true],
  ['statefulsets', 'sts', true],
  ['jobs', '', true],
  ['cronjobs', 'cj', true],
];

/** Its kind in the singular, by the plural; undefined for what cannot be tapped. */
export function kindOf(plural: string): string | undefined {
  return resources.some(([name]) => name === plural) ? plural.slice(0, -1) : undefined;
}

const paths = ['/apis', `/apis/${tapGroup}`, `/apis/${groupVersion}`, '/healthz', '/openapi/v2', '/version'];

/** What the API server, and with it kubectl, asks of an API to learn what there is. */
const documents: Readonly<Record<string, object>> = {
  '/': { paths },
  '/apis': { kind: 'APIGroupList', apiVersion: 'v1', groups: [group] },
  [`/apis/${tapGroup}`]: { kind: 'APIGroup', apiVersion: 'v1', ...group },
  [`/apis/${groupVersion}`]: {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion,
    resources: resources.flatMap(([name, short, namespaced]) => [
      { name, singularName: '', shortNames: short === '' ? [] : [short], namespaced, kind: 'Tap', verbs: ['watch'] },
      { name: `${name}/tap`, singularName: '', namespaced, kind: 'Tap', verbs: ['watch'] },
    ]),
  },
  '/openapi/v2': { swagger: '2.0', info: { title: 'tap', version: 'v0' }, paths: {} },
  '/version': {},
};

/** The document at a path; undefined where there is none. */
export const documentAt = (path: string): object | undefined =>
  Object.hasOwn(documents, path) ? documents[path] : undefined;

const tapPrefix = `/apis/${groupVersion}/watch/namespaces/`;
const tapPath = /^([a-z0-9.-]{1,253})(?:\/([a-z]{1,40})\/([a-z0-9.-]{1,253}))?\/tap$/;

/** What a path of the API asks to tap; undefined when it is another. */
export function targetAt(
  path: string,
): { namespace: string; resource: string; kind: string; name: string } | undefined {
  if (!path.startsWith(tapPrefix)) return undefined;
  const [, namespace, resource, name] = tapPath.exec(path.slice(tapPrefix.length)) ?? [];
  if (namespace === undefined) return undefined;
  if (resource === undefined) return { namespace, resource: 'namespaces', kind: 'namespace', name: namespace };
  const kind = resource === 'namespaces' ? undefined : kindOf(resource);
  return kind === undefined ? undefined : { namespace, resource, kind, name };
}
