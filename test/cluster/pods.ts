import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { toolsImage } from './cluster.ts';
import type { Kubectl } from './kubectl.ts';

/** What PodSecurity `restricted` asks of a container. */
export const restricted = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
  readOnlyRootFilesystem: true,
  runAsNonRoot: true,
  seccompProfile: { type: 'RuntimeDefault' },
};

export interface PodOptions {
  readonly image?: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  /** Program of `pod-programs/`, run by Node in place of `command`; `program` makes the ConfigMap that it is in. */
  readonly program?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly securityContext?: object;
  readonly nodeName?: string;
  readonly hostNetwork?: boolean;
  /** The pod has an account of its own name, which `account` makes. */
  readonly ownAccount?: boolean;
  /** Ports that the container declares. */
  readonly ports?: readonly number[];
  readonly readinessProbe?: object;
  readonly graceSeconds?: number;
  /** @default 'Never' */
  readonly restartPolicy?: 'Always' | 'Never';
  /** Paths that the container may write to. */
  readonly emptyDirs?: readonly string[];
}

/** A pod of one container that runs once; by default it has Node and busybox's tools, and sleeps. */
export function pod(name: string, namespace: string, options: PodOptions = {}): object {
  const { metadata, spec } = podTemplate(name, { restartPolicy: 'Never', ...options });
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace, ...metadata }, spec };
}

/** The same as the template of a Deployment, StatefulSet or Job. */
export function podTemplate(name: string, options: PodOptions) {
  const { program, image = toolsImage, args, labels, annotations } = options;
  const { securityContext = restricted, nodeName, hostNetwork, emptyDirs = [], env = {}, ports = [] } = options;
  const { command = program && ['node', `/programs/${program}.ts`], graceSeconds = 1, restartPolicy } = options;
  const folders: { name: string; mountPath: string; source: object }[] = emptyDirs.map((mountPath, index) => ({
    name: `volume-${index}`,
    mountPath,
    source: { emptyDir: {} },
  }));
  if (program) {
    folders.push({ name: 'programs', mountPath: '/programs', source: { configMap: { name: `program-${program}` } } });
  }
  const container = {
    name,
    image,
    imagePullPolicy: 'IfNotPresent',
    command,
    args,
    env: Object.entries(env).map(([variable, value]) => ({ name: variable, value })),
    ports: ports.map((containerPort) => ({ containerPort })),
    readinessProbe: options.readinessProbe,
    securityContext,
    volumeMounts: folders.map((folder) => ({ name: folder.name, mountPath: folder.mountPath })),
  };
  return {
    metadata: { labels: { app: name, ...labels }, annotations },
    spec: {
      restartPolicy,
      terminationGracePeriodSeconds: graceSeconds,
      automountServiceAccountToken: false,
      ...(options.ownAccount && { serviceAccountName: name }),
      ...(nodeName && { nodeName }),
      ...(hostNetwork && { hostNetwork }),
      containers: [container],
      volumes: folders.map((folder) => ({ name: folder.name, ...folder.source })),
    },
  };
}

/** The ConfigMap with a program of `pod-programs/`, for pods that run it. */
export const program = (name: string, namespace: string): object => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: `program-${name}`, namespace },
  data: { [`${name}.ts`]: readFileSync(join(import.meta.dirname, 'pod-programs', `${name}.ts`), 'utf8') },
});

export const namespace = (
  name: string,
  labels: Readonly<Record<string, string>> = {},
  annotations: Readonly<Record<string, string>> = {},
): object => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels, annotations } });

/** A namespace whose pods the webhook gives a sidecar. */
export const meshedNamespace = (name: string, annotations: Readonly<Record<string, string>> = {}): object =>
  namespace(name, {}, { 'tulle.dev/inject': 'enabled', ...annotations });

export const account = (name: string, namespace: string): object => ({
  apiVersion: 'v1',
  kind: 'ServiceAccount',
  metadata: { name, namespace },
});

/** The Service of the pods that have `name` as their label `app`. */
export const service = (
  name: string,
  namespace: string,
  port: number,
  targetPort: number | string = port,
  spec: object = {},
): object => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace },
  spec: { selector: { app: name }, ports: [{ port, targetPort }], ...spec },
});

export interface DeploymentOptions extends PodOptions {
  /** @default 1 */
  readonly replicas?: number;
}

export function deployment(name: string, namespace: string, { replicas = 1, ...options }: DeploymentOptions): object {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace },
    spec: { replicas, selector: { matchLabels: { app: name } }, template: podTemplate(name, options) },
  };
}

/** Prints what `url` answers: its status, a space, and the text. */
export const fetchCommand = (url: string): string[] => [
  'node',
  '--input-type=module',
  '--eval',
  `const response = await fetch('${url}', { signal: AbortSignal.timeout(10_000) });
   process.stdout.write(response.status + ' ' + (await response.text()));`,
];

/** What a container of `pod` and the rest serves pages with: busybox's httpd, whose page is `text`. */
export const pageServer = (text: string, port = 8080): PodOptions => ({
  command: ['sh', '-c', `echo "${text}" >/tmp/index.html; exec httpd -f -p ${port} -h /tmp`],
  emptyDirs: ['/tmp'],
  ports: [port],
});

/** An object with a pod template, as far as tests change one. */
export interface Workload {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec?: { readonly template?: { readonly spec?: object } };
}

/** The same workload, whose pods are to run on `node`. Objects without a pod template stay as they are. */
export function placed(object: Workload, node: string): Workload {
  const { spec } = object;
  if (spec?.template === undefined) return object;
  const nodeSelector = { 'kubernetes.io/hostname': node };
  return {
    ...object,
    spec: { ...spec, template: { ...spec.template, spec: { ...spec.template.spec, nodeSelector } } },
  };
}

interface Node {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly taints?: readonly { readonly effect: string }[] };
}

/** Names of the nodes that take pods. */
export async function workerNodes(kubectl: Kubectl): Promise<string[]> {
  const { items } = await kubectl.get<{ items: Node[] }>(['nodes']);
  return items
    .filter(({ spec }) => !spec.taints?.some(({ effect }) => effect === 'NoSchedule'))
    .map(({ metadata }) => metadata.name);
}
