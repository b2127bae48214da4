import { Argument, Option } from 'commander';
import type { Pod } from '../lib/kinds/pod.ts';
import { offering } from './completion/offers.ts';
import { routeKinds, routeKindsOf } from './figures/gateway-routes.ts';
import { UsageError } from './terminal.ts';

/** What `stat` is asked for: all of a kind, or one of it. */
export interface Resource {
  readonly kind: string;
  readonly name: string | undefined;
}

type Aliases = Readonly<Record<string, readonly string[]>>;

const aliases: Aliases = {
  deployment: ['deploy', 'deployments'],
  statefulset: ['sts', 'statefulsets'],
  daemonset: ['ds', 'daemonsets'],
  replicaset: ['rs', 'replicasets'],
  replicationcontroller: ['rc', 'replicationcontrollers'],
  job: ['jobs'],
  cronjob: ['cj', 'cronjobs'],
  pod: ['po', 'pods'],
  namespace: ['ns', 'namespaces'],
};

/** What runs no pods of its own, and is measured all the same. */
const routeAliases: Aliases = Object.fromEntries(routeKinds.map(({ kind, plural }) => [kind.toLowerCase(), [plural]]));
const service: Aliases = { service: ['svc', 'services'] };
const measuredAliases: Aliases = { ...aliases, ...service, ...routeAliases };

/** Where kinds stand that have a group: kubectl prints it behind them, as in `deployment.apps/web`. */
const groups: Readonly<Record<string, readonly string[]>> = {
  ...Object.fromEntries(['deployment', 'statefulset', 'daemonset', 'replicaset'].map((kind) => [kind, ['apps']])),
  ...Object.fromEntries(['job', 'cronjob'].map((kind) => [kind, ['batch']])),
  ...Object.fromEntries(Object.keys(routeAliases).map((kind) => [kind, routeKindsOf(kind).map(({ group }) => group)])),
};

/** Each kind as it is called, and as kubectl has it for short. */
const wordsOf = (kinds: Aliases): string[] =>
  Object.entries(kinds).flatMap(([kind, others]) => [
    kind,
    ...others.filter((other) => !other.endsWith('s') || other.length < 4),
  ]);
const workloadWords = wordsOf(aliases);
const measuredWords = wordsOf(measuredAliases);

/** An argument that `parseResource` reads, as shells complete it. */
export const resourceArgument = (name: string, description: string): Argument =>
  offering(new Argument(name, description), workloadWords);

/** One that may be a Service too. */
export const calledArgument = (name: string, description: string): Argument =>
  offering(new Argument(name, description), [...workloadWords, 'svc']);

/** One that `parseMeasured` reads. */
export const measuredArgument = (name: string, description: string): Argument =>
  offering(new Argument(name, description), measuredWords);

/** An option whose value `parseResource` reads. */
export const resourceOption = (flags: string, description: string): Option =>
  offering(new Option(flags, description), workloadWords);

/** One that may be a Service too. */
export const calledOption = (flags: string, description: string): Option =>
  offering(new Option(flags, description), [...workloadWords, 'svc']);

/** Whether it is a route of the Gateway API, or of Linkerd's. */
export const isRoute = ({ kind }: Pick<Resource, 'kind'>): boolean => kind in routeAliases;

/** Whether it is one of connections, which has no requests to count. */
export const isBytesRoute = ({ kind }: Pick<Resource, 'kind'>): boolean => kind === 'tcproute' || kind === 'tlsroute';

/** Reads `deploy`, `deploy/web`, or `deploy web`. Throws a UsageError that names the argument. */
export const parseResource = (words: readonly string[]): Resource => parse(words, aliases);

/** The same, where Services and routes can be asked for too. */
export const parseMeasured = (words: readonly string[]): Resource => parse(words, measuredAliases);

/** What `all` stands for: what people make that runs pods or is called, each pod once. */
const allKinds = ['deployment', 'statefulset', 'daemonset', 'cronjob', 'replicationcontroller', 'service'];
const mostAtOnce = 32;

/** Several, as kubectl takes them: `deploy web api`, `deploy/web svc/api`, `deploy,sts`, `all`. Each stands there once. */
export function parseSeveral(words: readonly string[]): readonly Resource[] {
  const [first, ...names] = words;
  const read = (): readonly Resource[] => {
    if (words.length === 1 && first.toLowerCase() === 'all') return allKinds.map((kind) => ({ kind, name: undefined }));
    const isNamed = first.includes('/');
    const other = names.find((word) => word.includes('/') !== isNamed);
    if (other !== undefined) {
      throw new UsageError(`'${words.join(' ')}' must be kind/name each, or one kind and names: deploy/web deploy/api`);
    }
    if (isNamed) return words.map((word) => parseMeasured([word]));
    return first
      .split(',')
      .flatMap((kind) =>
        names.length === 0 ? [parseMeasured([kind])] : names.map((name) => parseMeasured([kind, name])),
      );
  };
  const found = new Map(read().map((resource) => [`${resource.kind}/${resource.name ?? ''}`, resource]));
  if (found.size <= mostAtOnce) return [...found.values()];
  throw new UsageError(`${found.size} resources are too many: ${mostAtOnce} at a time, or all of a kind`);
}

/** The same, where Services can be asked for too, each by its name: what workloads call. */
export function parseCalled(words: readonly string[]): Resource {
  const called = parse(words, { ...aliases, ...service });
  if (called.kind !== 'service' || called.name !== undefined) return called;
  throw new UsageError(`'${words.join(' ')}' must name the Service: svc/web`);
}

/** The name of a Service, or '' for all; undefined where it is of another kind. */
export const serviceAsked = ([type, ...names]: readonly string[]): string | undefined =>
  kindOf(type.split('/')[0], service) === undefined ? undefined : (parse([type, ...names], service).name ?? '');

function parse([type, ...names]: readonly string[], known: Aliases): Resource {
  const [kindText, ...inType] = type.split('/');
  const kind = kindOf(kindText, known);
  if (kind === undefined) {
    throw new UsageError(`'${kindText}' must be a kind of resource: ${Object.keys(known).join(', ')}`);
  }
  if (inType.length > 1 || inType.includes('')) {
    throw new UsageError(`'${type}' must be a kind, or kind/name: ${kindText}, ${kindText}/web`);
  }
  const given = [...inType, ...names.filter((name) => name !== '')];
  if (given.length > 1) throw new UsageError(`one resource at a time: ${[type, ...names].join(' ')} names several`);
  return { kind, name: given[0] };
}

/** As kubectl reads it: whichever case, with the group behind it or without, and a version between. */
function kindOf(text: string, known: Aliases): string | undefined {
  const [word, ...rest] = text.toLowerCase().split('.');
  const kind = Object.keys(known).find((each) => each === word || known[each].includes(word));
  const group = rest.slice(/^v\d/.test(rest[0] ?? '') ? 1 : 0).join('.');
  return kind === undefined || (rest.length > 0 && !(groups[kind] ?? ['']).includes(group)) ? undefined : kind;
}

/** What of `kind` a pod belongs to: a workload, a namespace, the pod itself. Undefined when it is of another kind. */
export function ownerName(pod: Pod, kind: string): string | undefined {
  if (kind === 'pod') return pod.metadata.name;
  if (kind === 'namespace') return pod.metadata.namespace;
  return pod.metadata.ownerReferences?.find((owner) => owner.kind.toLowerCase() === kind)?.name;
}
