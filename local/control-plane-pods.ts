import { join } from 'node:path';
import { injectAnnotation, settingKey } from '../lib/contract/annotations.ts';
import { componentLabel } from '../lib/contract/labels.ts';
import { componentName } from '../lib/contract/names.ts';
import { formatPorts } from '../lib/contract/port-list.ts';
import { meshPorts } from '../lib/contract/ports.ts';
import { type InjectConfig, injectConfig, injectPod, type PodTemplate } from '../lib/inject/index.ts';
import type { LocalCredentials } from './credentials.ts';
import { packageRoot } from './package-root.ts';
import type { PodPlan } from './pod-plan.ts';

export const componentPorts = {
  identity: { grpc: meshPorts.identity, admin: meshPorts.identityAdmin },
  destination: { grpc: meshPorts.destination, policy: meshPorts.policy, admin: meshPorts.destinationAdmin },
} as const;

export interface ControlPlanePodsOptions {
  readonly config: InjectConfig;
  readonly credentials: LocalCredentials;
  readonly identityIp: string;
  readonly destinationIp: string;
  /** Folders of manifests that services and pods are read from. */
  readonly sources: readonly string[];
}

/** Where the sidecars of a local mesh find the control plane: at the sidecars of its pods. */
export function controlPlaneAddresses(
  identityIp: string,
  destinationIp: string,
  { inboundPort }: InjectConfig['defaults'],
): InjectConfig['controlPlane'] {
  const destination = `${destinationIp}:${inboundPort}`;
  return { identity: `${identityIp}:${inboundPort}`, destination, policy: destination };
}

/** Identity and destination as pods with sidecars of their own, like those of an install. */
export function controlPlanePods(options: ControlPlanePodsOptions): PodPlan[] {
  const { config, credentials, identityIp, destinationIp, sources } = options;
  const { identity, destination } = componentPorts;
  const mesh = ['--trust-domain', config.trustDomain, '--mesh-namespace', config.meshNamespace];
  return [
    plan(componentName('identity'), identityIp, config, {
      args: [
        'identity',
        ...['--addr', `${identityIp}:${identity.grpc}`, '--admin-addr', `${identityIp}:${identity.admin}`],
        ...['--trust-anchors-file', credentials.trustAnchorsFile],
        ...['--issuer-cert-file', credentials.issuerCertificateFile],
        ...['--issuer-key-file', credentials.issuerKeyFile, '--jwks-file', credentials.keySetFile],
        ...mesh,
      ],
      // The first port takes what names no target, which is what a sidecar says to the control plane.
      ports: [identity.grpc, identity.admin],
      admin: identity.admin,
      own: { IDENTITY: identity.grpc },
    }),
    plan(componentName('destination'), destinationIp, config, {
      args: [
        'destination',
        ...[
          '--addr',
          `${destinationIp}:${destination.grpc}`,
          '--policy-addr',
          `${destinationIp}:${destination.policy}`,
        ],
        ...['--admin-addr', `${destinationIp}:${destination.admin}`],
        ...['--source', sources.map((folder) => `file:${folder}`).join(',')],
        ...['--cluster-domain', config.clusterDomain, '--cluster-networks', config.clusterNetworks.join(',')],
        ...['--default-inbound-policy', config.defaults.inboundPolicy],
        ...['--default-opaque-ports', formatPorts(config.defaults.opaquePorts)],
        ...mesh,
      ],
      ports: [destination.grpc, destination.policy, destination.admin],
      admin: destination.admin,
      own: { DESTINATION: destination.grpc, POLICY: destination.policy },
    }),
  ];
}

interface ComponentPod {
  readonly args: readonly string[];
  readonly ports: readonly number[];
  readonly admin: number;
  /** What the sidecar reaches beside itself, and so in plaintext: variable prefix to port. */
  readonly own: Readonly<Record<string, number>>;
}

function plan(name: string, ip: string, config: InjectConfig, component: ComponentPod): PodPlan {
  const template: PodTemplate = {
    metadata: {
      labels: { [componentLabel]: name.replace('tulle-', '') },
      annotations: {
        [injectAnnotation]: 'explicit',
        // Whoever has no certificate yet must get in; the component checks its token.
        [settingKey('default-inbound-policy')]: 'all-unauthenticated',
      },
    },
    spec: {
      serviceAccountName: name,
      containers: [
        {
          name: name.replace('tulle-', ''),
          command: ['node', join(packageRoot, 'control-plane', 'main.ts')],
          args: [...component.args],
          ports: component.ports.map((containerPort) => ({ containerPort })),
          readinessProbe: { httpGet: { path: '/ready', port: component.admin } },
        },
      ],
    },
  };
  const additionalEnv = Object.entries(component.own).flatMap(([variable, port]) => [
    { name: `LINKERD2_PROXY_${variable}_SVC_ADDR`, value: `${ip}:${port}` },
    { name: `LINKERD2_PROXY_${variable}_SVC_NAME`, value: '' },
  ]);
  const own = injectConfig({ ...config, defaults: { ...config.defaults, additionalEnv } });
  const owner = { kind: 'Deployment', name };
  const { pod } = injectPod(template, own, { namespace: { name: config.meshNamespace }, owner });
  const namespace = config.meshNamespace;
  return {
    name: `${name}-0`,
    namespace,
    ip,
    object: `${namespace}/deployment/${name}`,
    owner,
    template: pod,
    meshed: true,
  };
}
