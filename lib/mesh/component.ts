import { ApiObject } from 'cdk8s';
import type { Construct } from 'constructs';
import { injectAnnotation } from '../contract/annotations.ts';
import { componentLabel, controlPlaneNamespaceLabel } from '../contract/labels.ts';
import { componentName } from '../contract/names.ts';
import { defaultProxySettings, type InjectConfig, type ProxySettings } from '../inject/config.ts';
import { injectPod } from '../inject/inject-pod.ts';
import type { PodTemplate, Volume } from '../inject/kubernetes.ts';
import { autoscaler } from './autoscaler.ts';
import type { ComponentSettings } from './component-settings.ts';
import type { MeshInstall } from './install.ts';
import { networkPolicy } from './network-policy.ts';

/** One program of the control plane, as a Deployment runs it. */
export interface Component {
  /** `identity`: also the sub-command of the image; Deployment and ServiceAccount are `tulle-identity`. */
  readonly name: string;
  /** Its size and place. */
  readonly settings: ComponentSettings;
  /** Flags after the sub-command. */
  readonly args: readonly string[];
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly adminPort: number;
  /** Those of `ports` that the API server calls, from wherever it is. */
  readonly webhookPorts?: readonly number[];
  /** Networks that it calls besides the other components and API servers, in CIDR notation. */
  readonly calledNetworks?: readonly string[];
  readonly volumes?: readonly (Volume & { readonly mountPath: string })[];
  /** Whether the component talks to the API server, and so needs the token of its account. */
  readonly kubeApi: boolean;
  /** Where its own sidecar differs from the others. */
  readonly proxy?: Partial<ProxySettings>;
  readonly controlPlane?: Partial<InjectConfig['controlPlane']>;
}

/** Of the control plane's own sidecars, where the mesh's settings say nothing. They carry streams to every proxy. */
const proxyResources: Partial<ProxySettings> = { cpuRequest: '10m', memoryRequest: '20Mi', memoryLimit: '250Mi' };

export function componentLabels(component: string, install: MeshInstall): Record<string, string> {
  return { [componentLabel]: component, [controlPlaneNamespaceLabel]: install.config.meshNamespace };
}

export function serviceAccount(scope: Construct, component: string, install: MeshInstall): ApiObject {
  return new ApiObject(scope, 'service-account', {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: {
      name: componentName(component),
      namespace: install.config.meshNamespace,
      labels: componentLabels(component, install),
    },
    // The component's own pods mount a token where they need it; no other pod gets one by naming the account.
    automountServiceAccountToken: false,
  });
}

const clientCaFolder = '/var/run/tulle/webhook-clients';

/** What a component with webhooks has for them, where callers are to show a certificate. */
export function webhookClients({ webhookClientAuthorities: name }: MeshInstall): {
  readonly args: readonly string[];
  readonly volumes: NonNullable<Component['volumes']>;
} {
  if (name === undefined) return { args: [], volumes: [] };
  return {
    args: [`--webhook-client-ca=${clientCaFolder}/ca.crt`],
    volumes: [{ name: 'webhook-clients', mountPath: clientCaFolder, configMap: { name } }],
  };
}

/** The Deployment of a component, meshed like any workload, and its disruption budget where there are several. */
export function deployment(scope: Construct, component: Component, install: MeshInstall): void {
  const name = componentName(component.name);
  const { meshNamespace: namespace } = install.config;
  const labels = componentLabels(component.name, install);
  const { settings } = component;
  new ApiObject(scope, 'deployment', {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace, labels },
    spec: {
      // An autoscaler's number would be put back by each apply.
      ...(settings.autoscaling === undefined ? { replicas: settings.replicas } : {}),
      revisionHistoryLimit: 10,
      selector: { matchLabels: labels },
      // With anti-affinity a new pod finds no free node until an old one has gone.
      ...(install.antiAffinity ? { strategy: { rollingUpdate: { maxUnavailable: 1 } } } : {}),
      template: meshedTemplate(component, install, podTemplate(component, install)),
    },
  });
  if (install.networkPolicies) networkPolicy(scope, { name, namespace, labels, ...openPorts(component, install) });
  autoscaler(scope, { name, namespace, labels, container: component.name }, settings);
  if (settings.replicas > 1 && install.disruptionBudgets) {
    new ApiObject(scope, 'disruption-budget', {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { name, namespace, labels },
      spec: { maxUnavailable: 1, selector: { matchLabels: labels } },
    });
  }
}

function openPorts({ ports, adminPort, webhookPorts = [], calledNetworks = [] }: Component, { config }: MeshInstall) {
  const served = ports.map(({ containerPort }) => containerPort).filter((port) => !webhookPorts.includes(port));
  // The proxy's are for metrics, and for what other sidecars send with a transport header.
  const { inboundPort, adminPort: proxyAdminPort } = config.defaults;
  return { clusterPorts: [...served, adminPort, inboundPort, proxyAdminPort], webhookPorts, calledNetworks };
}

function meshedTemplate(component: Component, install: MeshInstall, template: PodTemplate): PodTemplate {
  const { config } = install;
  const { pod, report } = injectPod(
    template,
    {
      ...config,
      // The API server and proxies dial its own ports, of Services that lead to no listener.
      interception: undefined,
      linkerd2: undefined,
      controlPlane: { ...config.controlPlane, ...component.controlPlane },
      defaults: {
        ...proxyResources,
        ...config.defaults,
        // What it has been tested with, whatever the workloads have.
        ...config.linkerd2,
        // The mesh's default may be to let nobody in, and proxies have to reach the control plane before they know more.
        inboundPolicy: 'all-unauthenticated',
        // What workloads may pass by or ask of their clients would part proxies, or the API server, from the control plane.
        skipInboundPorts: defaultProxySettings.skipInboundPorts,
        skipSubnets: [],
        requireIdentityPorts: [],
        // The API server: its connections would fail while the proxy that carries them waits for the control plane.
        skipOutboundPorts: [
          { from: 443, to: 443 },
          { from: 6443, to: 6443 },
        ],
        ...component.proxy,
      },
    },
    { owner: { kind: 'Deployment', name: componentName(component.name) } },
  );
  if (report.outcome !== 'injected' || report.problems.length > 0) {
    throw new Error(`${report.object} cannot be meshed: ${JSON.stringify(report)}`);
  }
  return pod;
}

function podTemplate(component: Component, install: MeshInstall): PodTemplate {
  const { settings } = component;
  const labels = componentLabels(component.name, install);
  const volumes = [...(component.volumes ?? []), ...(component.kubeApi ? [kubeApiAccess] : [])];
  return {
    metadata: {
      namespace: install.config.meshNamespace,
      labels: { ...install.podLabels, ...labels },
      annotations: { ...install.podAnnotations, [injectAnnotation]: 'enabled' },
    },
    spec: {
      serviceAccountName: componentName(component.name),
      automountServiceAccountToken: false,
      nodeSelector: { 'kubernetes.io/os': 'linux', ...install.nodeSelector, ...settings.nodeSelector },
      ...(settings.tolerations.length > 0 ? { tolerations: settings.tolerations } : {}),
      ...(settings.priorityClassName ? { priorityClassName: settings.priorityClassName } : {}),
      ...(settings.runtimeClassName ? { runtimeClassName: settings.runtimeClassName } : {}),
      ...(settings.imagePullSecrets.length > 0
        ? { imagePullSecrets: settings.imagePullSecrets.map((name) => ({ name })) }
        : {}),
      ...(install.antiAffinity ? { affinity: antiAffinity(labels) } : {}),
      securityContext: { fsGroup: 2103, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [
        {
          name: component.name,
          image: install.controllerImage,
          imagePullPolicy: install.controllerPullPolicy,
          args: [component.name, ...component.args],
          ...(settings.logLevel === undefined ? {} : { env: [{ name: 'TULLE_LOG', value: settings.logLevel }] }),
          ports: [...component.ports, { name: 'admin', containerPort: component.adminPort }],
          livenessProbe: { httpGet: { path: '/live', port: component.adminPort }, initialDelaySeconds: 10 },
          readinessProbe: { httpGet: { path: '/ready', port: component.adminPort }, failureThreshold: 7 },
          resources: {
            requests: { cpu: settings.cpuRequest, memory: settings.memoryRequest },
            limits: {
              ...(settings.cpuLimit === undefined ? {} : { cpu: settings.cpuLimit }),
              memory: settings.memoryLimit,
            },
          },
          securityContext: {
            allowPrivilegeEscalation: false,
            capabilities: { drop: ['ALL'] },
            readOnlyRootFilesystem: true,
            runAsNonRoot: true,
            runAsUser: 2103,
            seccompProfile: { type: 'RuntimeDefault' },
          },
          terminationMessagePolicy: 'FallbackToLogsOnError',
          volumeMounts: volumes.map(({ name, mountPath }) => ({ name, mountPath, readOnly: true })),
        },
      ],
      volumes: volumes.map(({ mountPath: _, ...volume }) => volume),
    },
  };
}

/** What `automountServiceAccountToken` would mount, but in this container alone: the proxy has no use for it. */
const kubeApiAccess = {
  name: 'kube-api-access',
  mountPath: '/var/run/secrets/kubernetes.io/serviceaccount',
  projected: {
    defaultMode: 420,
    sources: [
      { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } },
      { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
      {
        downwardAPI: {
          items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }],
        },
      },
    ],
  },
};

/** Never two on a node, and spread over zones where that can be had. */
function antiAffinity(labels: Record<string, string>) {
  const podAffinityTerm = (topologyKey: string) => ({ labelSelector: { matchLabels: labels }, topologyKey });
  return {
    podAntiAffinity: {
      preferredDuringSchedulingIgnoredDuringExecution: [
        { weight: 100, podAffinityTerm: podAffinityTerm('topology.kubernetes.io/zone') },
      ],
      requiredDuringSchedulingIgnoredDuringExecution: [podAffinityTerm('kubernetes.io/hostname')],
    },
  };
}
