import { parseAllDocuments } from 'yaml';
import type { PodTemplate } from '../../../lib/inject/index.ts';
import type { TestApiServer } from './api-server.ts';
import { type TestCertificate, testCertificate } from './certificates.ts';

type Template = PodTemplate & { readonly spec: { readonly containers: readonly { readonly name: string }[] } };

/**
 * Applies the manifests of an install and plays, by hand, the parts of those who are not there: controllers, kubelets, and
 * the components, which make certificates that hold for some days. Resolves with the trust anchor.
 */
export async function pretendHealthyMesh(
  server: TestApiServer,
  manifests: string,
  namespace: string,
  endsIn: number,
): Promise<TestCertificate> {
  await server.kubectl(['apply', '-f', '-'], manifests);
  const objects = parseAllDocuments(manifests).map((document) => document.toJS());
  for (const deployment of objects.filter(({ kind }) => kind === 'Deployment')) {
    await pretendRollout(server, deployment, namespace);
  }
  const anchor = await testCertificate('CN=root', undefined, [], { endsIn });
  const issuer = await testCertificate(`CN=identity.${namespace}.cluster.local`, anchor, [], { endsIn });
  const items: object[] = [trustRoots(namespace, anchor), tlsSecret(namespace, 'tulle-identity-issuer', issuer)];
  for (const {
    kind,
    metadata: { name },
  } of objects.filter(({ webhooks }) => webhooks)) {
    const service = /-(tulle-.+)-webhook-config$/.exec(name)?.[1];
    const names = [{ type: 'dns' as const, value: `${service}.${namespace}.svc` }];
    const serving = await testCertificate('CN=webhook', anchor, names, { endsIn });
    items.push(tlsSecret(namespace, `${service}-k8s-tls`, serving));
    const path = '/webhooks/0/clientConfig/caBundle';
    const patch = [{ op: 'add', path, value: Buffer.from(anchor.cert).toString('base64') }];
    await server.kubectl(['patch', kind, name, '--type=json', '-p', JSON.stringify(patch)]);
  }
  await server.kubectl(['apply', '-f', '-'], listOf(items));
  return anchor;
}

export const listOf = (items: readonly object[]): string => JSON.stringify({ apiVersion: 'v1', kind: 'List', items });

export const trustRoots = (namespace: string, ...anchors: TestCertificate[]): object => ({
  ...{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'tulle-identity-trust-roots', namespace } },
  data: { 'ca-bundle.crt': anchors.map(({ cert }) => cert).join('') },
});

export const tlsSecret = (namespace: string, name: string, { cert }: TestCertificate): object => ({
  ...{ apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace }, type: 'linkerd.io/tls' },
  data: { 'crt.pem': Buffer.from(cert).toString('base64') },
});

async function pretendRollout(
  server: TestApiServer,
  { metadata: { name }, spec }: { metadata: { name: string }; spec: { template: Template } },
  namespace: string,
): Promise<void> {
  const path = `/apis/apps/v1/namespaces/${namespace}/deployments/${name}/status`;
  const { metadata } = await server.client.get<{ metadata: { generation: number } }>(path);
  const status = { observedGeneration: metadata.generation, replicas: 1, readyReplicas: 1, availableReplicas: 1 };
  await server.client.patch(path, { status }, 'merge');
  await pretendPod(server, { ...spec.template, metadata: { ...spec.template.metadata, name, namespace } });
}

/** A pod whose containers run, or are not ready as `notReady` names them. */
export async function pretendPod(
  server: TestApiServer,
  pod: PodTemplate,
  more: object = {},
  notReady: readonly string[] = [],
): Promise<void> {
  const { name, namespace } = pod.metadata ?? {};
  const pods = `/api/v1/namespaces/${namespace}/pods`;
  await server.client.create(pods, pod);
  const statuses = (containers: readonly { name: string }[] = []) =>
    containers.map((container) => ({
      ...{ name: container.name, ready: !notReady.includes(container.name), restartCount: 0, image: 'x', imageID: 'x' },
      state: { running: {} },
    }));
  const { containers, initContainers } = pod.spec ?? {};
  const status = {
    phase: 'Running',
    containerStatuses: statuses(containers),
    initContainerStatuses: statuses(initContainers),
    ...more,
  };
  await server.client.patch(`${pods}/${name}/status`, { status }, 'merge');
}
