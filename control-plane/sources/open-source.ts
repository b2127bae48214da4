import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { KubernetesClient } from '../kubernetes/client.ts';
import { connectToCluster } from '../kubernetes/connect.ts';
import type { FlagReader } from '../serving/flags.ts';
import { FileSource } from './file-source.ts';
import { KubernetesSource } from './kubernetes-source.ts';
import { LayeredSource } from './layered-source.ts';
import type { ObjectSource } from './object-source.ts';
import type { HandlerFailure } from './object-store.ts';
import { type Scope, scopeOf } from './scope.ts';
import type { SourceContext, SourceFactory } from './source-factory.ts';

/** The objects of an API server. */
const kubernetes: SourceFactory = {
  scheme: 'kubernetes',
  form: 'kubernetes',
  accepts: (rest) => rest === undefined,
  async open(_, { cluster, scope, log, registry }) {
    return new KubernetesSource({ client: await cluster(), scope, log, registry, now: Date.now, random: Math.random });
  },
};

/** Those of a folder of manifests. */
const file: SourceFactory = {
  scheme: 'file',
  form: 'file:FOLDER',
  accepts: (rest) => rest !== undefined && rest !== '',
  async open(folder, { log, onHandlerFailure }) {
    return new FileSource({
      folders: [folder],
      onProblem: (problem) => log.warn(problem, 'problem in a manifest'),
      onHandlerFailure,
    });
  },
};

const factories: readonly SourceFactory[] = [kubernetes, file];

interface NamedSource {
  /** As it was given. */
  readonly name: string;
  readonly factory: SourceFactory;
  readonly rest: string;
}

/** What `--source`, `--kubeconfig` and `--namespaces` say. */
export interface SourceChoice {
  /** In the order of their precedence: of an object that several have, the first one's counts. */
  readonly sources: readonly NamedSource[];
  readonly scope: Scope;
  readonly kubeconfig: string | undefined;
}

export const sourceFlags = {
  source: { type: 'string', multiple: true },
  namespaces: { type: 'string', multiple: true },
  kubeconfig: { type: 'string' },
} as const;

export function readSources(flags: FlagReader): SourceChoice {
  const { problems } = flags;
  const names = flags.list('source', '');
  const kubeconfig = flags.optional('kubeconfig');
  const namespaces = flags.namespaces('namespaces');
  if (names.length === 0) problems.push('--source must name at least one source: kubernetes, or file:dist');
  const sources = names.flatMap((name) => named(name) ?? []);
  const wrong = names.filter((name) => named(name) === undefined);
  if (wrong.length > 0) {
    const forms = factories.map(({ form }) => form).join(' or ');
    problems.push(`--source (${wrong.join(',')}) must be ${forms}, or several with commas between`);
  }
  const twice = new Set(names.filter((name, index) => names.indexOf(name) !== index));
  if (twice.size > 0) problems.push(`--source (${[...twice].join(',')}) must name each source once`);
  if (names.length > 0 && !sources.some(({ factory }) => factory === kubernetes)) {
    for (const flag of ['kubeconfig', 'namespaces']) {
      if (flags.isSet(flag)) problems.push(`--${flag} goes with --source=kubernetes`);
    }
  }
  return { sources, scope: scopeOf(namespaces), kubeconfig };
}

function named(name: string): NamedSource | undefined {
  const colon = name.indexOf(':');
  const scheme = colon < 0 ? name : name.slice(0, colon);
  const rest = colon < 0 ? undefined : name.slice(colon + 1);
  const factory = factories.find((one) => one.scheme === scheme && one.accepts(rest));
  return factory && { name, factory, rest: rest ?? '' };
}

export interface OpenSourcesOptions {
  readonly log: Logger;
  readonly registry: Registry;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Named to the API server. */
  readonly userAgent: string;
}

/**
 * The sources as one, and the client of the API server where one of them reads it, which closes with them. Rejects when
 * one cannot be opened.
 */
export async function openSources(
  { sources, scope, kubeconfig }: SourceChoice,
  { log, registry, env, userAgent }: OpenSourcesOptions,
): Promise<{ source: ObjectSource; api: KubernetesClient | undefined }> {
  let connecting: Promise<KubernetesClient> | undefined;
  const onProblem = (problem: string): void => log.error({ problem }, 'credentials cannot be read');
  const onHandlerFailure = ({ kind, name, error }: HandlerFailure): void =>
    log.error({ kind, object: name, error: error.stack }, 'a handler failed on a change');
  const cluster = (): Promise<KubernetesClient> => {
    connecting ??= connectToCluster({ kubeconfig, env, onProblem, userAgent });
    return connecting;
  };
  const context: SourceContext = { log, registry, scope, cluster, onHandlerFailure };
  const opened: ObjectSource[] = [];
  try {
    for (const { name, factory, rest } of sources) {
      opened.push(
        await factory.open(rest, { ...context, log: sources.length > 1 ? log.child({ source: name }) : log }),
      );
    }
  } catch (error) {
    for (const source of opened) source.close();
    throw error;
  }
  if (opened.length === 1) return { source: opened[0], api: await connecting };
  for (const [index, { synced }] of opened.entries()) {
    // Which one the others wait for shows by its absence.
    void synced.then(() => log.info({ source: sources[index].name }, 'source read'));
  }
  return { source: new LayeredSource(opened, onHandlerFailure), api: await connecting };
}
