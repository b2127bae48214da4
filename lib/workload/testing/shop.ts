import { ApiObject, App, Chart } from 'cdk8s';
import { parseAllDocuments } from 'yaml';
import { MeshedDeployment, type MeshOptions } from '../../index.ts';
import type { Manifest, PodTemplate } from '../../inject/kubernetes.ts';
import { type End, mayConnect } from '../../network/testing/evaluate.ts';

/** A shop of three: `web` calls `orders` over HTTP, and that the database. */
export function shopOf(
  mesh: MeshOptions,
  { db = mesh, orders = mesh }: { readonly db?: MeshOptions; readonly orders?: MeshOptions } = {},
  app = new App(),
) {
  const chart = new Chart(app, 'shop', { namespace: 'shop', disableResourceNameHashes: true });
  const deployment = (name: string, port: number, options: MeshOptions) =>
    new MeshedDeployment(chart, name, {
      containers: [{ image: `shop/${name}`, ports: [{ name: 'main', number: port }] }],
      podMetadata: { labels: { app: name } },
      mesh: options,
    });
  const policy = (id: string, spec: object, namespace = 'shop') =>
    new ApiObject(chart, id, {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { namespace },
      spec,
    });
  return {
    app,
    chart,
    web: deployment('web', 8080, mesh),
    orders: deployment('orders', 8080, orders),
    db: deployment('db', 5432, db),
    policy,
  };
}
export type Shop = ReturnType<typeof shopOf>;

export const manifestsOf = (app: App): Manifest[] =>
  parseAllDocuments(app.synthYaml()).map((document) => document.toJS());
export const companionsIn = (manifests: readonly Manifest[]): Manifest[] =>
  manifests.filter(({ kind, metadata }) => kind === 'NetworkPolicy' && metadata?.name?.includes('mesh-network-policy'));

/** Whom a pod may have to do with, beside the shop itself. */
export const others: End[] = [
  { name: 'identity', namespace: 'tulle', labels: { 'linkerd.io/control-plane-component': 'identity' } },
  { name: 'dns', namespace: 'kube-system', labels: { 'k8s-app': 'kube-dns' } },
  {
    name: 'openshift-dns',
    namespace: 'openshift-dns',
    labels: { 'dns.operator.openshift.io/daemonset-dns': 'default' },
  },
  { name: 'node-dns', ip: '169.254.20.10' },
  { name: 'prometheus', namespace: 'monitoring', labels: { app: 'prometheus' } },
  { name: 'ingress', namespace: 'ingress-nginx', labels: { app: 'nginx' } },
  { name: 'stranger', namespace: 'shop', labels: { app: 'stranger' } },
  { name: 'internet', ip: '203.0.113.7' },
];
const ports = [53, 443, 4140, 4143, 4190, 4191, 5353, 5432, 8080, 8086, 8090, 9990, 14_143, 14_144];
export const controlPlane = ['8080', '8086', '8090'];

function ends(manifests: readonly Manifest[]): End[] {
  const pods = manifests.filter(({ kind }) => kind === 'Deployment');
  return [
    ...pods.map(({ metadata, spec }): End => {
      const { metadata: { labels = {} } = {}, spec: pod } = spec!.template as PodTemplate;
      const named = (pod?.containers ?? []).flatMap((container) => container.ports ?? []);
      return {
        name: metadata!.name!.replace('shop-', ''),
        namespace: metadata!.namespace!,
        labels: { ...labels },
        named: Object.fromEntries(named.map(({ name, containerPort }) => [name ?? '', containerPort])),
      };
    }),
    ...others,
  ];
}

/** Every connection that policies allow: `web → db: 4143 5432`. */
function connections(manifests: readonly Manifest[]): Map<string, string[]> {
  const all = ends(manifests);
  const found = new Map<string, string[]>();
  for (const from of all) {
    for (const to of all) {
      if (from === to) continue;
      const open = (['TCP', 'UDP'] as const).flatMap((protocol) =>
        ports
          .filter((port) => mayConnect(manifests, from, to, port, protocol))
          .map((port) => (protocol === 'UDP' ? `${port}/UDP` : `${port}`)),
      );
      if (open.length > 0) found.set(`${from.name} → ${to.name}`, open);
    }
  }
  return found;
}

/** What the mesh's policies open that those of the user do not, beside which they stand. Throws if they refuse anything. */
export function opened(manifests: readonly Manifest[]): Record<string, string> {
  const companions = companionsIn(manifests);
  const before = connections(manifests.filter((manifest) => !companions.includes(manifest)));
  const after = connections(manifests);
  for (const [pair, open] of before) {
    const lost = open.filter((port) => !after.get(pair)?.includes(port));
    if (lost.length > 0) throw new Error(`${pair}: ${lost.join(' ')} is refused beside the policies of the mesh`);
  }
  const more = [...after].map(
    ([pair, open]) => [pair, open.filter((port) => !before.get(pair)?.includes(port))] as const,
  );
  return Object.fromEntries(more.filter(([, open]) => open.length > 0).map(([pair, open]) => [pair, open.join(' ')]));
}

/** What any meshed pod whose egress is restricted needs. */
export const needs = (...names: string[]): Record<string, string> =>
  Object.fromEntries(
    names.flatMap((name) => [
      [`${name} → identity`, controlPlane.join(' ')],
      [`${name} → dns`, '53 53/UDP'],
      [`${name} → openshift-dns`, '5353 5353/UDP'],
      [`${name} → node-dns`, '53 53/UDP'],
    ]),
  );

/** Everything of a namespace refused, as many namespaces begin. */
export const denyAll = { podSelector: {}, policyTypes: ['Ingress', 'Egress'] };
