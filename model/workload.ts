import { injectAnnotation } from '../lib/contract/annotations.ts';
import { controlPlaneNamespaceLabel } from '../lib/contract/labels.ts';
import { identityName, initContainerName, proxyContainerName } from '../lib/contract/names.ts';
import { PortSet, parsePortSet } from '../lib/contract/port-list.ts';
import { namespaceProblems, wordProblems } from '../lib/inject/annotation-problems.ts';
import {
  decide,
  type InjectConfig,
  type InjectMode,
  injectManifest,
  type Manifest,
  type Metadata,
  type PodTemplate,
} from '../lib/inject/index.ts';
import { soundPod } from '../lib/inject/shape.ts';
import { templateAt, templatePath } from '../lib/inject/workload.ts';
import { misshapeOfPod, type Pod } from '../lib/kinds/pod.ts';
import { nameOf } from '../lib/validation/manifest-model.ts';
import type { Addresses } from './addresses.ts';

/** Something that makes pods. */
export interface Workload {
  readonly kind: string;
  readonly name: string;
  readonly namespace: string;
  /** Has a sidecar. */
  readonly meshed: boolean;
  /** What its sidecar proves; undefined without one. */
  readonly identity: string | undefined;
  /** Of the application's containers. */
  readonly ports: readonly number[];
  /** How its sidecar has what it calls; undefined without one. */
  readonly mode: InjectMode | undefined;
  /** What of its calls is not led to the sidecar. */
  readonly skipped: { readonly ports: PortSet; readonly subnets: readonly string[] };
  /** The one that stands for all of its pods. */
  readonly pod: Pod;
  /** All of them: a StatefulSet has one for each of its replicas, which are called by their names. */
  readonly pods: readonly Pod[];
}

/** `shop/deployment/web`, as it is called in messages and on the command line. */
export const workloadName = ({ namespace, kind, name }: Workload): string =>
  `${namespace}/${kind.toLowerCase()}/${name}`;

/** The workloads among `objects`, each as the injector's webhook would have its pods. */
export function workloadsOf(
  objects: readonly Manifest[],
  config: InjectConfig,
  addresses: Addresses,
  problems: string[],
): Workload[] {
  const namespaces = new Map(
    objects
      .filter(({ kind }) => kind === 'Namespace')
      .map(({ metadata }) => [metadata?.name ?? '', metadata ?? {}] as const),
  );
  for (const namespace of namespaces.values()) {
    for (const { field, message } of namespaceProblems(namespace, config)) {
      problems.push(`Namespace ${namespace.name}: ${field} ${message}`);
    }
  }
  return objects.flatMap((object) => {
    const bare = templateOf(object, problems);
    if (bare === undefined) return [];
    const namespace = object.metadata?.namespace ?? 'default';
    const template = injected(object, bare, namespaces.get(namespace), config, problems);
    const meshed = template.metadata?.labels?.[controlPlaneNamespaceLabel] === config.meshNamespace;
    const account = (template.spec?.serviceAccountName as string | undefined) ?? 'default';
    const { kind = '', metadata: { name = '' } = {} } = object;
    const containers = bare.spec?.containers ?? [];
    const pods = ordinals(object).map((ordinal) => podOf(template, `${name}-${ordinal}`, namespace, addresses.pod()));
    return {
      ...{ kind, name, namespace, meshed },
      identity: meshed ? identityName(account, namespace, config) : undefined,
      ports: containers.flatMap(({ ports = [] }) =>
        ports.filter(({ protocol = 'TCP' }) => protocol === 'TCP').map(({ containerPort }) => containerPort),
      ),
      ...sidecarOf(template),
      pod: pods[0],
      pods,
    };
  });
}

/** Undefined for what makes no pods, and for pods that no API server would take, which are told. */
function templateOf(object: Manifest, problems: string[]): PodTemplate | undefined {
  const path = templatePath(object);
  const template = path && templateAt(object, path);
  if (template === undefined) return undefined;
  const read = soundPod(template);
  const problem = 'pod' in read ? misshapeOfPod(read.pod) : `${read.misshape.field} must be ${read.misshape.expected}`;
  if ('pod' in read && problem === undefined) return read.pod;
  problems.push(`${nameOf(object)}: ${[...(path ?? []), problem].join('.')}`);
  return undefined;
}

function injected(
  object: Manifest,
  bare: PodTemplate,
  namespace: Metadata | undefined,
  config: InjectConfig,
  problems: string[],
): PodTemplate {
  const field = [...(templatePath(object) ?? []), 'metadata.annotations'].join('.');
  for (const problem of wordProblems(bare.metadata, { object: '', field }, config)) {
    problems.push(`${nameOf(object)}: ${problem.field} ${problem.message}`);
  }
  const decision = decide(bare, namespace, config);
  if (!decision.inject) return bare;
  const namespaces = new Map(namespace === undefined ? [] : [[object.metadata?.namespace ?? '', namespace]]);
  const result = injectManifest(object, config, { namespaces, annotations: { [injectAnnotation]: decision.mode } });
  for (const { problems: told } of result.reports) {
    for (const { object: at, field, message } of told) {
      // What its namespace says wrongly is told of that, once.
      if (!at.startsWith('namespace/')) problems.push(`${nameOf(object)}: ${field} ${message}`);
    }
  }
  return templateOf(result.object, problems) ?? bare;
}

/** More pods of one name say nothing more. */
const mostReplicas = 100;

/** The numbers of a StatefulSet's pods. Other workloads have one that is ready, however many there are to be. */
function ordinals({ apiVersion, kind, spec }: Manifest): number[] {
  if (kind !== 'StatefulSet' || apiVersion !== 'apps/v1') return [0];
  const { replicas, ordinals: numbered } = spec as { replicas?: unknown; ordinals?: { start?: unknown } | null };
  const start = Number.isInteger(numbered?.start) ? (numbered?.start as number) : 0;
  const count = Number.isInteger(replicas) ? Math.min(Math.max(replicas as number, 1), mostReplicas) : 1;
  return Array.from({ length: count }, (_, index) => start + index);
}

/** What a template's sidecar does with what the application calls, as its containers are told. */
function sidecarOf({ spec = {} }: PodTemplate): Pick<Workload, 'mode' | 'skipped'> {
  const all = [...(spec.initContainers ?? []), ...(spec.containers ?? [])];
  const env = all.find(({ name }) => name === proxyContainerName)?.env;
  const isTold = (variable: string): boolean =>
    env?.some(({ name, value }) => name === variable && value === 'true') ?? false;
  const args = all.find(({ name }) => name === initContainerName)?.args ?? [];
  const flag = (name: string): string => {
    const at = args.indexOf(`--${name}`);
    return at < 0 ? '' : (args[at + 1] ?? '');
  };
  return {
    mode:
      env === undefined
        ? undefined
        : isTold('LINKERD2_PROXY_EXPLICIT_MODE')
          ? 'explicit'
          : isTold('LINKERD2_PROXY_INGRESS_MODE')
            ? 'ingress'
            : 'enabled',
    skipped: {
      ports: parsePortSet(flag('outbound-ports-to-ignore'), 'numbers') ?? new PortSet([]),
      subnets: flag('subnets-to-ignore')
        .split(',')
        .filter((subnet) => subnet !== ''),
    },
  };
}

function podOf(template: PodTemplate, name: string, namespace: string, podIP: string): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace,
      labels: template.metadata?.labels ?? {},
      annotations: template.metadata?.annotations ?? {},
    },
    spec: template.spec,
    status: { phase: 'Running', podIP, podIPs: [{ ip: podIP }], conditions: [{ type: 'Ready', status: 'True' }] },
  } as unknown as Pod;
}
