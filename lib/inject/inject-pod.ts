import { applyAnnotations, findSetting, settings as knownSettings } from './annotations.ts';
import { type InjectConfig, meshVersion, type ProxySettings } from './config.ts';
import { decide, type InjectMode } from './decision.ts';
import { withExplicitEnv } from './explicit-env.ts';
import { initContainer, xtablesVolume } from './init-container.ts';
import type { Container, Metadata, PodSpec, PodTemplate } from './kubernetes.ts';
import {
  alphaSettingPrefix,
  controlPlaneNamespaceLabel,
  createdByAnnotation,
  ownerLabelPrefix,
  proxyVersionAnnotation,
  settingPrefixes,
  workloadNamespaceLabel,
} from './names.ts';
import { containsPort, inboundPorts, resolvePorts } from './ports.ts';
import { debugContainer, proxyContainer, proxyVolumes } from './proxy-container.ts';
import { proxyEnv } from './proxy-env.ts';
import type { InjectProblem, InjectReport } from './report.ts';

/** What surrounds a pod and cannot be read from it. */
export interface PodContext {
  /** Metadata of the pod's namespace, as far as it is known. */
  readonly namespace?: Metadata;
  /** The workload at the root of the owners, such as the Deployment. */
  readonly owner?: { readonly kind: string; readonly name: string };
  /** Where the pod stands in its object: `spec.template`; empty for a Pod. */
  readonly path?: string;
}

/**
 * Gives a pod its sidecar, as far as annotations say so. Pure, and the only place that knows how: constructs, command
 * line and webhook all call it. The pod is not changed; a new one is returned, or the same when it is skipped.
 */
export function injectPod(
  pod: PodTemplate,
  config: InjectConfig,
  context: PodContext = {},
): { readonly pod: PodTemplate; readonly report: InjectReport } {
  const object = objectName(pod, context);
  const decision = decide(pod, context.namespace, config);
  if (!decision.inject) {
    return { pod, report: { object, outcome: 'skipped', reasons: decision.reasons, problems: [] } };
  }
  const problems: InjectProblem[] = [];
  const settings = settingsOf(pod, config, context, object, problems);
  return {
    pod: {
      ...pod,
      metadata: metadataOf(pod, settings, config, context),
      spec: specOf(pod.spec ?? {}, settings, config, decision.mode, { object, path: context.path }, problems),
    },
    report: { object, outcome: 'injected', reasons: [], problems },
  };
}

export function objectName(pod: PodTemplate, { owner }: PodContext): string {
  const name = pod.metadata?.name ?? pod.metadata?.generateName ?? '';
  return owner ? `${owner.kind.toLowerCase()}/${owner.name}` : `pod/${name}`;
}

export const fieldPath = (...parts: (string | undefined)[]): string => parts.filter(Boolean).join('.');

/** Mesh, then namespace, then workload: the last word wins. */
function settingsOf(
  pod: PodTemplate,
  config: InjectConfig,
  context: PodContext,
  object: string,
  problems: InjectProblem[],
): ProxySettings {
  const { namespace } = context;
  const inherited = applyAnnotations(
    config.defaults,
    namespace,
    { object: `namespace/${namespace?.name ?? ''}`, field: 'metadata.annotations', level: 'namespace' },
    problems,
  );
  const field = fieldPath(context.path, 'metadata.annotations');
  return applyAnnotations(inherited, pod.metadata, { object, field, level: 'workload' }, problems);
}

function metadataOf(
  pod: PodTemplate,
  settings: ProxySettings,
  config: InjectConfig,
  { namespace, owner }: PodContext,
): Metadata {
  const workloadNamespace = pod.metadata?.namespace ?? namespace?.name;
  const annotations: Record<string, string> = { ...inheritedAnnotations(pod, namespace), ...pod.metadata?.annotations };
  if (!findSetting({ annotations }, 'opaque-ports')) {
    // The control plane tells clients of the pod; both then agree also after the mesh's default changes.
    const own = inboundPorts(pod.spec?.containers ?? []).filter((port) => containsPort(settings.opaquePorts, port));
    if (own.length > 0) annotations[`${settingPrefixes[0]}opaque-ports`] = own.join(',');
  }
  annotations[createdByAnnotation] = `tulle/injector ${meshVersion}`;
  annotations[proxyVersionAnnotation] = settings.version;
  return {
    ...pod.metadata,
    labels: {
      ...pod.metadata?.labels,
      [controlPlaneNamespaceLabel]: config.meshNamespace,
      ...(owner ? { [ownerLabelPrefix + owner.kind.toLowerCase()]: owner.name } : {}),
      ...(workloadNamespace ? { [workloadNamespaceLabel]: workloadNamespace } : {}),
    },
    annotations,
  };
}

/** The control plane reads settings such as the inbound policy from the pod, so the namespace's are written there. */
function inheritedAnnotations(pod: PodTemplate, namespace: Metadata | undefined): Record<string, string> {
  const result: Record<string, string> = {};
  for (const { name, inherited, alpha } of knownSettings) {
    const found = inherited ? findSetting(namespace, name, { alpha }) : undefined;
    if (found && !findSetting(pod.metadata, name, { alpha })) {
      result[found.key.startsWith(alphaSettingPrefix) ? found.key : settingPrefixes[0] + name] = found.value;
    }
  }
  return result;
}

function specOf(
  spec: PodSpec,
  settings: ProxySettings,
  config: InjectConfig,
  mode: InjectMode,
  place: { readonly object: string; readonly path?: string },
  problems: InjectProblem[],
): PodSpec {
  const tell = (field: string, message: string, severity: InjectProblem['severity'] = 'error') =>
    problems.push({ severity, object: place.object, field: fieldPath(place.path, field), message });
  const app = spec.containers ?? [];
  const opaque = resolvePorts(settings.opaquePorts, app);
  const requireIdentity = resolvePorts(settings.requireIdentityPorts, app);
  for (const name of new Set([...opaque.unknown, ...requireIdentity.unknown])) {
    tell('spec.containers', `no container has a TCP port named '${name}', which an annotation names; it is ignored`);
  }
  if (app.some(({ ports }) => ports?.some(({ protocol }) => protocol === 'UDP'))) {
    tell('spec.containers', 'UDP port(s) configured on pod spec; the proxy carries TCP only', 'warning');
  }
  const ports = inboundPorts(app);
  if (mode === 'explicit' && ports.length === 0) {
    tell(
      'spec.containers',
      'must declare the TCP ports it serves (containerPort): in explicit mode they cannot be seen',
    );
  }
  const sidecar = proxyContainer(
    settings,
    proxyEnv({
      mode,
      settings,
      config,
      inboundPorts: ports,
      opaquePorts: opaque.ports,
      requireIdentityPorts: requireIdentity.ports,
    }),
  );
  const init = [
    ...(mode === 'explicit' ? [] : [initContainer(settings)]),
    ...(settings.nativeSidecar ? [sidecar] : []),
  ];
  const mesh = [...init, ...(spec.initContainers ?? [])];
  return {
    ...spec,
    ...(mesh.length > 0 ? { initContainers: mesh } : {}),
    containers: containersOf(app, sidecar, settings, mode, place, problems),
    volumes: [...(mode === 'explicit' ? [] : [xtablesVolume()]), ...proxyVolumes(), ...(spec.volumes ?? [])],
  };
}

function containersOf(
  app: readonly Container[],
  sidecar: Container,
  settings: ProxySettings,
  mode: InjectMode,
  place: { readonly object: string; readonly path?: string },
  problems: InjectProblem[],
): Container[] {
  const containers = app.map((container, index) =>
    mode === 'explicit'
      ? withExplicitEnv(
          container,
          settings,
          { object: place.object, field: fieldPath(place.path, `spec.containers[${index}]`) },
          problems,
        )
      : container,
  );
  if (!settings.nativeSidecar) {
    // The kubelet starts containers in order and waits for a postStart hook: first, the proxy holds the others.
    if (settings.await) containers.unshift(sidecar);
    else containers.push(sidecar);
  }
  const { debug, debugImage } = settings;
  if (debug && debugImage !== undefined) {
    containers.push(debugContainer({ ...settings, debugImage }));
  } else if (debug) {
    problems.push({
      severity: 'error',
      object: place.object,
      field: fieldPath(place.path, 'metadata.annotations["config.tulle.dev/enable-debug-sidecar"]'),
      message: 'needs an image with network tools in config.tulle.dev/debug-image; no debug container is added',
    });
  }
  return containers;
}
