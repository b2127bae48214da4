import { applyAnnotations } from './annotations.ts';
import type { InjectConfig, ProxySettings } from './config.ts';
import { dataPlaneProblems, programOf } from './data-plane.ts';
import { decide, type InjectMode } from './decision.ts';
import { withExplicitEnv } from './explicit-env.ts';
import { explicitPorts } from './explicit-ports.ts';
import { initContainer, xtablesVolume } from './init-container.ts';
import type { Container, Metadata, PodSpec, PodTemplate } from './kubernetes.ts';
import { metadataOf, ownerLabel } from './pod-metadata.ts';
import { podSecurityProblem } from './pod-security.ts';
import { inboundPorts, resolvePorts, runningContainers } from './ports.ts';
import { debugContainer, proxyContainer, proxyVolumes } from './proxy-container.ts';
import { proxyEnv } from './proxy-env.ts';
import type { InjectProblem, InjectReport } from './report.ts';
import { withinLimits } from './resources.ts';
import { type Misshape, soundPod } from './shape.ts';

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
  given: PodTemplate,
  config: InjectConfig,
  context: PodContext = {},
): { readonly pod: PodTemplate; readonly report: InjectReport } {
  const object = objectName(given, context);
  const read = soundPod(given);
  if ('misshape' in read) return { pod: given, report: misshapenReport(object, read.misshape, context.path) };
  const { pod } = read;
  const decision = decide(pod, context.namespace, config);
  if (!decision.inject) {
    return { pod: given, report: { object, outcome: 'skipped', reasons: decision.reasons, problems: [] } };
  }
  const problems: InjectProblem[] = [];
  const { mode } = decision;
  const program = programOf(mode, config);
  const settings = withinLimits(settingsOf(pod, program, context, object, problems), object, problems);
  const field = fieldPath(context.path, 'metadata.annotations');
  problems.push(...podSecurityProblem(mode, context.namespace, { object, field }));
  problems.push(...dataPlaneProblems(mode, settings, config, { object, field }));
  const label = ownerLabel(context, object, problems);
  const { path, owner } = context;
  const place = { object, path, workload: owner?.name, annotations: pod.metadata?.annotations };
  return {
    pod: {
      ...pod,
      metadata: metadataOf(pod, settings, program, context, label),
      spec: specOf(pod.spec ?? {}, settings, program, mode, place, problems),
    },
    report: { object, outcome: 'injected', reasons: [], problems },
  };
}

export function objectName(pod: PodTemplate, { owner }: PodContext): string {
  const name = pod.metadata?.name ?? pod.metadata?.generateName ?? '';
  return owner ? `${owner.kind.toLowerCase()}/${owner.name}` : `pod/${name}`;
}

/** Of a pod in which something stands where injection cannot read it. */
export const misshapenReport = (object: string, { field, expected }: Misshape, path?: string): InjectReport => ({
  object,
  outcome: 'skipped',
  reasons: ['it is no pod that an API server would take'],
  problems: [
    {
      severity: 'error',
      object,
      field: fieldPath(path, field),
      message: `must be ${expected}`,
      consequence: 'the object is left as it is',
    },
  ],
});

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

interface Place {
  readonly object: string;
  readonly path: string | undefined;
  readonly workload: string | undefined;
  readonly annotations: Metadata['annotations'];
}

function specOf(
  spec: PodSpec,
  settings: ProxySettings,
  config: InjectConfig,
  mode: InjectMode,
  place: Place,
  problems: InjectProblem[],
): PodSpec {
  const tell = (severity: InjectProblem['severity'], message: string, consequence: string) =>
    problems.push({
      severity,
      object: place.object,
      field: fieldPath(place.path, 'spec.containers'),
      message,
      consequence,
    });
  const app = spec.containers ?? [];
  const running = runningContainers(spec);
  const opaque = resolvePorts(settings.opaquePorts, running);
  const requireIdentity = resolvePorts(settings.requireIdentityPorts, running);
  for (const name of new Set([...opaque.unknown, ...requireIdentity.unknown])) {
    tell('error', `no container has a TCP port named '${name}', which an annotation names`, 'the name is ignored');
  }
  if (running.some(({ ports }) => ports?.some(({ protocol }) => protocol === 'UDP'))) {
    tell('warning', 'UDP port(s) configured on pod spec', 'the proxy carries TCP only');
  }
  // In explicit mode the first is where plain connections go: the application's own.
  const ports = inboundPorts([...app, ...running.filter((container) => !app.includes(container))]);
  if (mode === 'explicit' && ports.length === 0) {
    // Nothing is intercepted that would show where the application listens.
    tell('warning', 'no container declares a TCP port (containerPort)', 'the proxy takes no calls for the application');
  }
  const listeners = mode === 'explicit' ? explicitPorts(ports, settings.skipInboundPorts) : [];
  const sidecar = proxyContainer(
    settings,
    proxyEnv({
      mode,
      settings,
      config,
      inboundPorts: ports,
      opaquePorts: opaque.ports,
      requireIdentityPorts: requireIdentity.ports,
      explicitPorts: listeners,
      workload: place.workload,
      annotations: place.annotations,
    }),
    listeners,
    config.linkerd2 !== undefined,
  );
  const init = [
    ...(mode === 'explicit' ? [] : [initContainer(settings, config)]),
    ...(settings.nativeSidecar ? [sidecar] : []),
  ];
  const ownInit = spec.initContainers ?? [];
  // Only after a native sidecar has started can init containers of the application use it.
  const mesh = [
    ...init,
    ...(mode === 'explicit' && settings.nativeSidecar
      ? told(ownInit, 'spec.initContainers', settings, place, problems)
      : ownInit),
  ];
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
  const containers = mode === 'explicit' ? told(app, 'spec.containers', settings, place, problems) : [...app];
  if (!settings.nativeSidecar) {
    // The kubelet starts containers in order and waits for a postStart hook: first, the proxy holds the others.
    if (settings.await) containers.unshift(sidecar);
    else containers.push(sidecar);
  }
  const { debug, debugImage } = settings;
  if (debug && mode === 'explicit') {
    problems.push({
      severity: 'warning',
      object: place.object,
      field: fieldPath(place.path, 'metadata.annotations["config.tulle.dev/enable-debug-sidecar"]'),
      message: "adds a container with the image's own user and capabilities, which PodSecurity restricted refuses",
      consequence: 'the pod starts in namespaces of a lower level only',
    });
  }
  if (debug && debugImage !== undefined) {
    containers.push(debugContainer({ ...settings, debugImage }));
  } else if (debug) {
    problems.push({
      severity: 'error',
      object: place.object,
      field: fieldPath(place.path, 'metadata.annotations["config.tulle.dev/enable-debug-sidecar"]'),
      message: 'needs an image with network tools in config.tulle.dev/debug-image',
      consequence: 'no debug container is added',
    });
  }
  return containers;
}

/** The containers, told of the proxy by their environment. */
function told(
  containers: readonly Container[],
  field: string,
  settings: ProxySettings,
  place: { readonly object: string; readonly path?: string },
  problems: InjectProblem[],
): Container[] {
  return containers.map((container, index) => {
    const at = { object: place.object, field: fieldPath(place.path, `${field}[${index}]`) };
    return withExplicitEnv(container, settings, at, problems);
  });
}
