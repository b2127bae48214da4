import { setting } from '../contract/annotations.ts';
import { hasLabels } from '../contract/labels.ts';
import { proxyContainerName } from '../contract/names.ts';
import { type PortEntry, parsePorts } from '../contract/port-list.ts';
import { explicitAppPort, explicitPortName, explicitPortsOf } from './explicit-ports.ts';
import { type Container, isRecord, type Manifest } from './kubernetes.ts';
import { runningContainers } from './ports.ts';
import type { InjectProblem } from './report.ts';
import { soundPod } from './shape.ts';
import { manifestName, templateAt, templatePath } from './workload.ts';

/** What a Service needs to know of the pods that it may select. */
export interface SelectablePod {
  /** `deployment/web` */
  readonly object: string;
  readonly namespace: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
  /** Ports of the application that the sidecar takes connections for; empty when it is not in explicit mode. */
  readonly explicitPorts: ReadonlySet<number>;
  /** What the pod itself says of its opaque ports; undefined when the mesh's or the namespace's hold. */
  readonly opaquePorts?: readonly PortEntry[];
  /** The application's named TCP ports. */
  readonly namedPorts: ReadonlyMap<string, number>;
}

/** The pods that an injected manifest makes; undefined when it makes none. */
export function selectablePod(object: Manifest): SelectablePod | undefined {
  const path = templatePath(object);
  const found = path && templateAt(object, path);
  const read = found && soundPod(found);
  if (read === undefined || 'misshape' in read) return undefined;
  const template = read.pod;
  const all: Container[] = [...(template.spec?.initContainers ?? []), ...(template.spec?.containers ?? [])];
  const opaque = setting(template.metadata, 'opaque-ports');
  const app = runningContainers(template.spec ?? {}).filter(({ name }) => name !== proxyContainerName);
  const named = app
    .flatMap(({ ports = [] }) => ports)
    .filter(({ name, protocol = 'TCP' }) => name !== undefined && protocol === 'TCP');
  return {
    object: manifestName(object),
    namespace: object.metadata?.namespace,
    labels: template.metadata?.labels ?? {},
    opaquePorts: opaque === undefined ? undefined : parsePorts(opaque, 'names'),
    explicitPorts: explicitPortsOf(all.find(({ name }) => name === proxyContainerName)),
    namedPorts: new Map(named.map(({ name, containerPort }) => [name!, containerPort])),
  };
}

export function selects(service: Manifest, pod: SelectablePod): boolean {
  return (
    (service.metadata?.namespace ?? 'default') === (pod.namespace ?? 'default') &&
    hasLabels(pod.labels, isRecord(service.spec?.selector) ? service.spec.selector : {})
  );
}

/**
 * Points the target ports of a Service at the sidecars of pods in explicit mode: nothing else leads its connections
 * there. The name of the sidecar's port is written, not its number, so that during a rollout pods that have no such port
 * yet get no connections instead of refusing them. Returns the Service itself when there is nothing to change.
 */
export function leadToProxy(
  service: Manifest,
  pods: readonly SelectablePod[],
): { readonly service: Manifest; readonly problems: readonly InjectProblem[] } {
  const selected = pods.filter((pod) => selects(service, pod));
  const explicit = selected.filter(({ explicitPorts }) => explicitPorts.size > 0);
  if (explicit.length === 0) return { service, problems: [] };

  const problems: InjectProblem[] = [];
  const tell = (severity: InjectProblem['severity'], field: string, message: string, consequence: string): void => {
    problems.push({ severity, object: manifestName(service), field, message, consequence });
  };
  const others = selected.filter((pod) => !explicit.includes(pod));
  if (others.length > 0) {
    const names = others.map(({ object }) => object).join(', ');
    tell(
      'error',
      'spec.selector',
      `selects ${names} too, not in explicit mode as ${explicit[0].object} is: mesh all of them the same way`,
      'its target ports stay, and calls by way of it go past the proxies',
    );
    return { service, problems };
  }
  if (service.spec?.clusterIP === 'None') {
    tell(
      'warning',
      'spec.clusterIP',
      `is None: clients outside the mesh look up the addresses of the pods of ${explicit.map(({ object }) => object).join(', ')} and call the port that they know`,
      'their calls go past the proxy; meshed clients find it',
    );
  }
  const ports = Array.isArray(service.spec?.ports) ? service.spec.ports : [];
  let changed = false;
  const led = ports.map((port: unknown, index) => {
    if (!isRecord(port) || (port.protocol ?? 'TCP') !== 'TCP') return port;
    const target = port.targetPort ?? port.port;
    if (explicitAppPort(target) !== undefined) return port;
    const app = appPort(target, explicit);
    if (app === undefined || !explicit.every(({ explicitPorts }) => explicitPorts.has(app))) {
      tell(
        'error',
        `spec.ports[${index}].targetPort`,
        `(${target}) is no port that the pods of ${explicit.map(({ object }) => object).join(', ')} all declare, so no proxy listens for it: declare it as containerPort`,
        'it stays, and calls to it go past the proxy',
      );
      return port;
    }
    changed = true;
    return { ...port, targetPort: explicitPortName(app) };
  });
  return { service: changed ? { ...service, spec: { ...service.spec, ports: led } } : service, problems };
}

/** The port number behind a target port, if it is the same one in all the pods. */
function appPort(target: unknown, pods: readonly SelectablePod[]): number | undefined {
  if (typeof target === 'number') return target;
  const numbers = new Set(pods.map(({ namedPorts }) => namedPorts.get(String(target))));
  return numbers.size === 1 ? [...numbers][0] : undefined;
}

/** The application's ports of a pod in explicit mode that none of the Services leads to its sidecar. */
export function portsWithoutService(pod: SelectablePod, services: readonly Manifest[]): number[] {
  const reached = new Set(
    services
      .filter((service) => selects(service, pod))
      .flatMap((service) => (Array.isArray(service.spec?.ports) ? service.spec.ports.filter(isRecord) : []))
      .map(({ targetPort, port }) => explicitAppPort(targetPort) ?? appPort(targetPort ?? port, [pod])),
  );
  return [...pod.explicitPorts].filter((port) => !reached.has(port));
}

/** What stands beside an object and may be selected by it, or select it. */
export interface Neighbours {
  readonly pods: readonly SelectablePod[];
  readonly services: readonly Manifest[];
}
