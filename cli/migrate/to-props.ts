import { isRecord } from '../../lib/inject/kubernetes.ts';
import { fateOf } from './chart-values.ts';
import { call, type Expression, list, literal, Props } from './expression.ts';
import type { Annotated, LinkerdInstall, Values } from './read-linkerd.ts';
import { leftSettings, notInherited, settingProps } from './settings.ts';

/** What is meshed, by the name that it has in what is written. */
export interface MigratedOptions {
  readonly name: string;
  readonly options: Expression;
  /** It says itself that Linkerd is to mesh it, whatever its namespace says. */
  readonly asksForLinkerd: boolean;
}

/** An install of Linkerd as props of constructs, and what they cannot say. */
export interface Migration {
  readonly namespace: string;
  readonly mesh: Expression;
  readonly namespaces: readonly MigratedOptions[];
  readonly workloads: readonly MigratedOptions[];
  /** Each names what is not carried over, and why, or what to do instead. */
  readonly notes: readonly string[];
}

export function migrationOf({ namespace, values, namespaces, workloads, own }: LinkerdInstall): Migration {
  const notes = own.length === 0 ? [] : [`what runs in ${own.join(', ')}: it is Linkerd's own, and ends with it`];
  const optionsOf = (kind: 'namespace' | 'workload') => (each: Annotated) => ({
    name: each.name,
    asksForLinkerd: ['enabled', 'ingress'].includes(each.annotations['linkerd.io/inject'] ?? ''),
    options: meshOptions(each, kind, (note) => notes.push(`${kind} ${each.name}: ${note}`)),
  });
  const mesh = meshProps(namespace, values, (note) => notes.push(note));
  return {
    ...{ namespace, mesh },
    namespaces: namespaces.map(optionsOf('namespace')),
    workloads: workloads.map(optionsOf('workload')),
    notes,
  };
}

type Note = (text: string) => void;

/** Names of the settings that `MeshProps` says otherwise than `MeshOptions`. */
const ofMesh: Readonly<Record<string, string>> = { inboundPolicy: 'defaultInboundPolicy' };

function meshProps(namespace: string, values: Values, note: Note): Expression {
  const props = new Props();
  props.set('namespace', literal(namespace));
  const trustDomain = leaf(values, 'identityTrustDomain') || leaf(values, 'clusterDomain');
  if (trustDomain !== '' && trustDomain !== 'cluster.local') props.set('trustDomain', literal(trustDomain));
  // Both control planes sign with one issuer: who moved and who has not know each other.
  props.set('trustAnchors', call('TrustAnchors', 'fromSecret'));
  const egress = leaf(values, 'egress.globalEgressNetworkNamespace') || 'linkerd-egress';
  props.set('egressNamespace', literal(egress));
  availability(values, props);
  lists(values, props, note);

  const told = new Set<string>();
  for (const [path, value] of leaves(values)) {
    const known = fateOf(path);
    if (value === '') continue;
    if (known === undefined) {
      note(`${path} (${shown(value)}) is no value that this command knows`);
      continue;
    }
    const { key, value: chart } = known;
    const { fate, usual } = chart;
    if (usual.includes(value) || 'elsewhere' in fate) continue;
    if ('left' in fate) {
      if (!told.has(key)) note(`${key.endsWith('.') ? `${key}*` : `${key} (${shown(value)})`}: ${fate.left}`);
      told.add(key);
      continue;
    }
    const target = 'setting' in fate ? settingProps[fate.setting] : { path: fate.prop, read: fate.read };
    const read = target.read(value);
    if (read === undefined) note(`${path} (${shown(value)}) cannot be said by \`${target.path}\`: write it by hand`);
    else props.set(ofMesh[target.path] ?? target.path, read);
  }
  return props.expression;
}

/** `values-ha.yaml` as one word, and parts of it by themselves. */
function availability(values: Values, props: Props): void {
  const replicas = Number(leaf(values, 'controllerReplicas') || '1');
  const antiAffinity = leaf(values, 'enablePodAntiAffinity') === 'true';
  const failClosed = leaf(values, 'webhookFailurePolicy') === 'Fail';
  if (replicas === 3 && antiAffinity && failClosed) {
    props.set('highAvailability', literal(true));
    if (leaf(values, 'enablePodDisruptionBudget') === 'false') props.set('disruptionBudgets', literal(false));
    return;
  }
  if (antiAffinity) props.set('antiAffinity', literal(true));
  if (failClosed) props.set('failClosedWebhooks', literal(true));
  if (!Number.isInteger(replicas) || replicas < 2) return;
  for (const component of ['destination', 'identity', 'proxyInjector']) {
    props.set(`components.${component}.replicas`, literal(replicas));
  }
}

/** Values that are lists or maps of one's own. */
function lists(values: Values, props: Props, note: Note): void {
  const secrets = Array.isArray(values['imagePullSecrets']) ? values['imagePullSecrets'] : [];
  const names = secrets.map((secret) => (isRecord(secret) ? secret['name'] : secret)).filter(isText);
  if (names.length > 0) props.set('imagePullSecrets', list(names.map(literal)));
  for (const name of ['podLabels', 'podAnnotations', 'nodeSelector']) {
    const entries = Object.entries(isRecord(values[name]) ? values[name] : {})
      .filter(([key, value]) => !(key.endsWith('kubernetes.io/os') && value === 'linux'))
      .map(([key, value]): [string, Expression] => [key, literal(String(value))]);
    if (entries.length > 0) props.set(name, { kind: 'object', fields: new Map(entries) });
  }
  const { tolerations } = values;
  if (!Array.isArray(tolerations) || tolerations.length === 0) return;
  const fields = ['key', 'operator', 'value', 'effect', 'tolerationSeconds'];
  const borne = tolerations.filter(isRecord).map((toleration): Expression => {
    const known = Object.entries(toleration).filter(([field, value]) => fields.includes(field) && isPlain(value));
    const entries = known.map(([field, value]): [string, Expression] => [field, literal(value as string)]);
    if (entries.length < Object.keys(toleration).length)
      note('tolerations: only what Kubernetes has of them is written');
    return { kind: 'object', fields: new Map(entries) };
  });
  props.set('tolerations', list(borne));
}

function meshOptions({ annotations }: Annotated, kind: 'namespace' | 'workload', note: Note): Expression {
  const props = new Props();
  for (const [key, value] of Object.entries(annotations)) {
    if (key === 'linkerd.io/inject') {
      if (value === 'ingress') props.set('injection', call('Injection', 'ingress'));
      else if (value === 'disabled') props.set('injection', call('Injection', 'disabled'));
      else if (value !== 'enabled') note(`${key} (${shown(value)}) is no word that Linkerd knows`);
      continue;
    }
    if (key === 'viz.linkerd.io/disable-tap') {
      if (value !== 'false') props.set('proxy.tap', literal(false));
      continue;
    }
    const [, name] = /^config\.(?:(?:alpha|beta)\.)?linkerd\.io\/(.+)$/.exec(key) ?? [];
    const target = name === undefined ? undefined : settingProps[name];
    const read = target?.read(value);
    if (name !== undefined && leftSettings[name] !== undefined) note(`${key}: ${leftSettings[name]}`);
    else if (target === undefined) note(`${key} (${shown(value)}) is nothing that Tulle reads`);
    else if (read === undefined)
      note(`${key} (${shown(value)}) cannot be said by \`${target.path}\`: keep the annotation, which is read`);
    else if (kind === 'namespace' && notInherited.has(name))
      note(`${key}: pods do not take it from their namespace, here or there`);
    else props.set(target.path, read);
  }
  return props.expression;
}

/** All values that are no maps, with their paths; lists as JSON. */
function leaves(values: Values, above = ''): [path: string, text: string][] {
  return Object.entries(values).flatMap(([name, value]) => {
    const path = above === '' ? name : `${above}.${name}`;
    return isRecord(value) ? leaves(value, path) : [[path, textOf(value)] as [string, string]];
  });
}

const textOf = (value: unknown): string => {
  if (value === null || value === undefined) return '';
  if (Array.isArray(value)) return value.length === 0 ? '' : JSON.stringify(value);
  return String(value).trim();
};

function leaf(values: Values, path: string): string {
  let found: unknown = values;
  for (const name of path.split('.')) found = isRecord(found) ? found[name] : undefined;
  return textOf(found);
}

const isText = (value: unknown): value is string => typeof value === 'string';
const isPlain = (value: unknown): boolean => ['string', 'number', 'boolean'].includes(typeof value);

const maxShown = 80;
/** A key of a certificate is nobody's business. */
const shown = (value: string): string =>
  value.includes('-----BEGIN') ? 'a PEM' : value.length > maxShown ? `${value.slice(0, maxShown)}…` : value;
