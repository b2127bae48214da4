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
  readonly labels?: Readonly<Record<string, string>>;
  readonly securityContext?: object;
  readonly nodeName?: string;
  /** Paths that the container may write to. */
  readonly emptyDirs?: readonly string[];
}

/** A pod of one container that runs once; by default it has busybox's tools and sleeps. */
export function pod(name: string, namespace: string, options: PodOptions = {}): object {
  const { image = toolsImage, command, args, labels, securityContext = restricted, nodeName, emptyDirs = [] } = options;
  const volumes = emptyDirs.map((mountPath, index) => ({ name: `volume-${index}`, mountPath }));
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, labels },
    spec: {
      restartPolicy: 'Never',
      terminationGracePeriodSeconds: 1,
      automountServiceAccountToken: false,
      ...(nodeName && { nodeName }),
      containers: [
        { name, image, imagePullPolicy: 'IfNotPresent', command, args, securityContext, volumeMounts: volumes },
      ],
      volumes: volumes.map((volume) => ({ name: volume.name, emptyDir: {} })),
    },
  };
}

export const namespace = (name: string, labels: Readonly<Record<string, string>> = {}): object => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name, labels },
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

/** Names of the nodes that take pods. */
export async function workerNodes(kubectl: Kubectl): Promise<string[]> {
  const { items } = await kubectl.get<{
    items: { metadata: { name: string }; spec: { taints?: { effect: string }[] } }[];
  }>(['nodes']);
  return items
    .filter(({ spec }) => !spec.taints?.some(({ effect }) => effect === 'NoSchedule'))
    .map(({ metadata }) => metadata.name);
}
