import type { Manifest } from '../../lib/inject/kubernetes.ts';
import { itemOf } from '../../lib/inject/workload.ts';
import { clusterKinds, type KindSpec, kindNameOf, kinds } from '../../lib/kinds/index.ts';
import type { KubernetesObject } from '../../lib/kinds/kubernetes-object.ts';
import { Problems } from '../../lib/kinds/problems.ts';
import { checkStructure, misshape } from '../../lib/kinds/structural-check.ts';
import { readYaml, splitYaml, YamlProblem } from './kubectl-yaml.ts';

/** Something in a file that is no object. */
export interface ManifestProblem {
  readonly file: string;
  readonly line: number;
  /** Which object or field, as far as it can be told. */
  readonly where: string;
  /** The one that breaks the schema of its kind, as it is among the objects that were read. */
  readonly object?: KubernetesObject;
  readonly message: string;
}

export interface ParsedManifests {
  readonly objects: readonly KubernetesObject[];
  readonly problems: readonly ManifestProblem[];
  /** False when the file is not YAML: what it was to say is not known. */
  readonly readable: boolean;
}

const clusterWide: ReadonlySet<string> = new Set([
  ...clusterKinds,
  'PersistentVolume',
  'StorageClass',
  'CustomResourceDefinition',
  'ClusterRole',
  'ClusterRoleBinding',
  'MutatingWebhookConfiguration',
  'ValidatingWebhookConfiguration',
  'APIService',
  'PriorityClass',
]);

/** What is told of one object that breaks its schema. */
const maxToldProblems = 20;

/**
 * Reads the objects of a manifest file: YAML or JSON, several documents, Lists. Objects without a namespace are in
 * `default`. No API server has checked them: what breaks the schema of a kind of the mesh is told, and the object is
 * among those that were read, since who reads it knows what a wrong one must mean.
 */
export function parseManifests(file: string, text: string): ParsedManifests {
  const objects: KubernetesObject[] = [];
  const problems: ManifestProblem[] = [];
  let readable = true;
  for (const [index, document] of splitYaml(text).entries()) {
    const where = `document ${index + 1}`;
    const lineOf = (offset: number): number => text.slice(0, document.offset + offset).split('\n').length;
    try {
      const read = readYaml(document.text);
      if (read === undefined) continue;
      const line = lineOf(read.document.contents?.range?.[0] ?? 0);
      collect(read.value, { file, line, where }, objects, problems);
    } catch (error) {
      if (!(error instanceof YamlProblem)) throw error;
      readable = false;
      problems.push({ file, line: lineOf(error.offset ?? 0), where, message: error.message });
    }
  }
  return { objects, problems, readable };
}

function collect(
  value: unknown,
  at: { file: string; line: number; where: string },
  objects: KubernetesObject[],
  problems: ManifestProblem[],
): void {
  if (!isRecord(value)) {
    problems.push({ ...at, message: 'is no object: a manifest has apiVersion, kind and metadata' });
    return;
  }
  const { apiVersion, kind, metadata, items } = value;
  if (typeof kind === 'string' && kind.endsWith('List') && Array.isArray(items)) {
    for (const [index, item] of items.entries()) {
      const object = itemOf(value as Manifest, item) ?? item;
      collect(object, { ...at, where: `${at.where}, items[${index}]` }, objects, problems);
    }
    return;
  }
  if (kind === 'List' && (items === undefined || items === null)) return;
  const problem =
    typeof apiVersion !== 'string'
      ? 'apiVersion must be a string such as v1 or apps/v1'
      : typeof kind !== 'string'
        ? 'kind must be a string such as Service'
        : !isRecord(metadata) || nameIn(metadata) === undefined
          ? wrongName(metadata)
          : wrongMaps(metadata);
  if (problem !== undefined) {
    const name = isRecord(metadata) && typeof metadata['name'] === 'string' ? ` ${metadata['name']}` : '';
    const where = typeof kind === 'string' ? `${at.where}, ${kind}${name}` : at.where;
    problems.push({ ...at, where, message: problem });
    return;
  }
  const object = placed(value as unknown as KubernetesObject);
  for (const message of schemaProblems(object)) {
    problems.push({ ...at, where: `${at.where}, ${object.kind} ${object.metadata.name}`, object, message });
  }
  objects.push(object);
}

/** Of what is created anew each time (Jobs are), what the API server begins its name with. */
function nameIn({ name, generateName }: Record<string, unknown>): string | undefined {
  const found = name ?? generateName;
  return typeof found === 'string' && found !== '' ? found : undefined;
}

/** A name may be a word of YAML 1.1, `n` or `on`, or a number. */
function wrongName(metadata: unknown): string {
  const name = isRecord(metadata) ? metadata['name'] : undefined;
  if (typeof name !== 'boolean' && typeof name !== 'number') return 'metadata.name must be a string';
  return `metadata.name (${name}) must be a string: put it in quotes`;
}

function placed(object: KubernetesObject): KubernetesObject {
  const { kind, metadata } = object;
  const name = nameIn(metadata as unknown as Record<string, unknown>) ?? metadata.name;
  const namespace = metadata.namespace ?? (clusterWide.has(kind) ? undefined : 'default');
  if (name === metadata.name && namespace === metadata.namespace) return object;
  return { ...object, metadata: { ...metadata, name, ...(namespace === undefined ? {} : { namespace }) } };
}

/** A field that the schema does not know is told too: kubectl refuses it, and an API server would drop it. */
function schemaProblems(object: KubernetesObject): readonly string[] {
  const name = kindNameOf(object.apiVersion, object.kind);
  if (name === undefined) return [];
  const kind: KindSpec = kinds[name];
  // Whoever reads these tells what cannot be read.
  if (kind.builtIn) return [];
  // What a cluster's own definition of a foreign kind allows is not known here, but for the types of its fields.
  if (kind.versions.length === 0) {
    const misshapen = misshape(kind, object as { readonly spec?: unknown });
    return misshapen === undefined ? [] : [misshapen];
  }
  const problems = new Problems(maxToldProblems);
  checkStructure(kind, object, problems, { refuseUnknownFields: true });
  return problems.list;
}

/** Labels and annotations are read everywhere: they must be maps of strings. */
function wrongMaps(metadata: Record<string, unknown>): string | undefined {
  for (const field of ['labels', 'annotations']) {
    const map = metadata[field];
    if (map === undefined || map === null) continue;
    if (!isRecord(map)) return `metadata.${field} must be a map`;
    for (const [name, value] of Object.entries(map)) {
      if (typeof value !== 'string')
        return `metadata.${field}['${name}'] (${JSON.stringify(value)}) must be a string: put it in quotes`;
    }
  }
  return undefined;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
