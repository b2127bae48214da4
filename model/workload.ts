import { injectAnnotation } from '../lib/contract/annotations.ts';
import { controlPlaneNamespaceLabel } from '../lib/contract/labels.ts';
import { identityName } from '../lib/contract/names.ts';
import {
  decide,
  type InjectConfig,
  injectManifest,
  type Manifest,
  type Metadata,
  type PodTemplate,
} from '../lib/inject/index.ts';
import { templateAt, templatePath } from '../lib/inject/workload.ts';
import type { Pod } from '../lib/kinds/pod.ts';
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
  /** The one that stands for all of its pods. */
  readonly pod: Pod;
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
  return objects.flatMap((object) => {
    const bare = templateOf(object);
    if (bare === undefined) return [];
    const namespace = object.metadata?.namespace ?? 'default';
    const template = injected(object, bare, namespaces.get(namespace), config, problems);
    const meshed = template.metadata?.labels?.[controlPlaneNamespaceLabel] === config.meshNamespace;
    const account = (template.spec?.serviceAccountName as string | undefined) ?? 'default';
    const { kind = '', metadata: { name = '' } = {} } = object;
    const containers = bare.spec?.containers ?? [];
    return {
      ...{ kind, name, namespace, meshed },
      identity: meshed ? identityName(account, namespace, config) : undefined,
      ports: containers.flatMap(({ ports = [] }) =>
        ports.filter(({ protocol = 'TCP' }) => protocol === 'TCP').map(({ containerPort }) => containerPort),
      ),
      pod: podOf(template, name, namespace, addresses.pod()),
    };
  });
}

function templateOf(object: Manifest): PodTemplate | undefined {
  const path = templatePath(object);
  return path && templateAt(object, path);
}

function injected(
  object: Manifest,
  bare: PodTemplate,
  namespace: Metadata | undefined,
  config: InjectConfig,
  problems: string[],
): PodTemplate {
  const decision = decide(bare, namespace, config);
  if (!decision.inject) return bare;
  const namespaces = new Map(namespace === undefined ? [] : [[object.metadata?.namespace ?? '', namespace]]);
  const result = injectManifest(object, config, { namespaces, annotations: { [injectAnnotation]: decision.mode } });
  for (const { problems: told } of result.reports) {
    for (const { field, message } of told) problems.push(`${nameOf(object)}: ${field} ${message}`);
  }
  return templateOf(result.object) ?? bare;
}

function podOf(template: PodTemplate, name: string, namespace: string, podIP: string): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `${name}-0`,
      namespace,
      labels: template.metadata?.labels ?? {},
      annotations: template.metadata?.annotations ?? {},
    },
    spec: template.spec,
    status: { phase: 'Running', podIP, podIPs: [{ ip: podIP }], conditions: [{ type: 'Ready', status: 'True' }] },
  } as unknown as Pod;
}
