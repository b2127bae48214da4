import { toolsImage } from './cluster.ts';

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
}

/** A pod of one container that runs once; by default it has busybox's tools and sleeps. */
export function pod(name: string, namespace: string, options: PodOptions = {}): object {
  const { image = toolsImage, command, args, labels, securityContext = restricted, nodeName } = options;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, labels },
    spec: {
      restartPolicy: 'Never',
      terminationGracePeriodSeconds: 1,
      automountServiceAccountToken: false,
      ...(nodeName && { nodeName }),
      containers: [{ name, image, imagePullPolicy: 'IfNotPresent', command, args, securityContext }],
    },
  };
}

export const namespace = (name: string, labels: Readonly<Record<string, string>> = {}): object => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name, labels },
});
