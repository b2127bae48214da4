import { parse } from 'yaml';
import type { Manifest, Metadata } from '../../lib/inject/index.ts';
import { isRecord } from '../../lib/inject/kubernetes.ts';
import { templateAt, templatePath } from '../../lib/inject/workload.ts';

export type Values = Readonly<Record<string, unknown>>;

/** Something that has annotations of Linkerd. */
export interface Annotated {
  /** `shop`, or `shop/deployment/web`. */
  readonly name: string;
  readonly annotations: Readonly<Record<string, string>>;
}

/** What is known of an install of Linkerd and of what it meshes. */
export interface LinkerdInstall {
  /** Where its control plane is, and so the middle of every identity. */
  readonly namespace: string;
  /** Of the chart, merged with its defaults, or as far as they were given to Helm. */
  readonly values: Values;
  readonly namespaces: readonly Annotated[];
  readonly workloads: readonly Annotated[];
  /** Namespaces that are Linkerd's own, of those that were given: neither they nor what runs in them is moved. */
  readonly own: readonly string[];
}

const configMapName = 'linkerd-config';

/**
 * Reads an install from objects: the ConfigMap `linkerd-config`, namespaces and workloads. `helmValues` win over what the
 * ConfigMap says. Throws an Error that names the object that cannot be read.
 */
export function readLinkerd(objects: readonly Manifest[], helmValues: Values, namespace: string): LinkerdInstall {
  const all = objects.flatMap((object) => (Array.isArray(object.items) ? object.items.filter(isRecord) : [object]));
  const found = (all as Manifest[]).find(
    ({ kind, metadata }) => kind === 'ConfigMap' && metadata?.name === configMapName,
  );
  const place = found?.metadata?.namespace ?? namespace;
  const own = ownNamespaces(all as Manifest[], place);
  return {
    namespace: place,
    values: mergeValues(found === undefined ? {} : configured(found), helmValues),
    namespaces: (all as Manifest[])
      .filter(({ kind, metadata }) => kind === 'Namespace' && hasLinkerd(metadata) && !own.has(String(metadata?.name)))
      .map(({ metadata }) => ({ name: String(metadata?.name), annotations: annotationsOf(metadata) }))
      .sort(byName),
    workloads: (all as Manifest[])
      .filter(({ metadata }) => !own.has(metadata?.namespace ?? 'default'))
      .flatMap(annotatedWorkload)
      .sort(byName),
    own: [...own].filter((name) => isGiven(all as Manifest[], name)).sort(),
  };
}

/** Of the extensions that Linkerd's own command line installs, as it names them. */
const extensions = ['viz', 'jaeger', 'multicluster', 'smi', 'buoyant', 'cni'].map((name) => `linkerd-${name}`);
/** Their charts and commands label the namespaces that they make, whatever these are called. */
const ownLabels = ['linkerd.io/is-control-plane', 'linkerd.io/extension', 'linkerd.io/cni-resource'];

function ownNamespaces(objects: readonly Manifest[], controlPlane: string): ReadonlySet<string> {
  const labelled = objects.filter(
    ({ kind, metadata }) => kind === 'Namespace' && ownLabels.some((label) => metadata?.labels?.[label] !== undefined),
  );
  return new Set([controlPlane, ...extensions, ...labelled.map(({ metadata }) => String(metadata?.name))]);
}

/** Whether a namespace is among the objects, itself or by what is in it and meshed. */
const isGiven = (objects: readonly Manifest[], namespace: string): boolean =>
  objects.some((object) =>
    object.kind === 'Namespace'
      ? object.metadata?.name === namespace
      : object.metadata?.namespace === namespace && annotatedWorkload(object).length > 0,
  );

function configured({ data }: Manifest): Values {
  const text = isRecord(data) ? data['values'] : undefined;
  let values: unknown;
  try {
    values = typeof text === 'string' ? parse(text) : undefined;
  } catch (error) {
    throw new Error(`ConfigMap ${configMapName}: data.values is no YAML: ${(error as Error).message}`);
  }
  if (!isRecord(values))
    throw new Error(`ConfigMap ${configMapName}: data.values must be the values of Linkerd's chart`);
  return values;
}

/** As Helm does: maps by their fields, everything else as a whole. */
export function mergeValues(one: Values, other: Values): Values {
  const fields = Object.entries(other).map(([name, value]) => {
    const before = one[name];
    return [name, isRecord(before) && isRecord(value) ? mergeValues(before, value) : value];
  });
  return { ...one, ...Object.fromEntries(fields) };
}

function annotatedWorkload(object: Manifest): Annotated[] {
  const path = templatePath(object);
  const template = path && templateAt(object, path);
  if (!template || !hasLinkerd(template.metadata)) return [];
  const name = [object.metadata?.namespace ?? 'default', object.kind?.toLowerCase(), object.metadata?.name].join('/');
  return [{ name, annotations: annotationsOf(template.metadata) }];
}

const isLinkerds = (key: string): boolean =>
  /^(config\.)?((alpha|beta)\.)?linkerd\.io\/|^(viz|config\.\w+)\.linkerd\.io\//.test(key);

const hasLinkerd = (metadata: Metadata | undefined): boolean => Object.keys(annotationsOf(metadata)).length > 0;

/** Those of Linkerd that people write. */
function annotationsOf(metadata: Metadata | undefined): Record<string, string> {
  const written = ['linkerd.io/created-by', 'linkerd.io/proxy-version', 'linkerd.io/trust-root-sha256'];
  return Object.fromEntries(
    Object.entries(metadata?.annotations ?? {})
      .filter(([key]) => isLinkerds(key) && !written.includes(key))
      .map(([key, value]) => [key, String(value)]),
  );
}

const byName = (a: Annotated, b: Annotated): number => (a.name < b.name ? -1 : 1);
