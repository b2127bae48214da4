import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { FlagReader } from '../serving/flags.ts';
import { FileSource } from './file-source.ts';
import { KubernetesSource, type KubernetesSourceOptions } from './kubernetes-source.ts';
import type { ObjectSource } from './object-source.ts';

/** What `--source` names: `kubernetes` alone, or one or more `file:FOLDER`. */
export type SourceChoice =
  | { readonly kind: 'kubernetes'; readonly kubeconfig: string | undefined }
  | { readonly kind: 'files'; readonly folders: readonly string[] };

export function readSource(flags: FlagReader): SourceChoice {
  const names = flags.list('source', '');
  const kubeconfig = flags.optional('kubeconfig');
  if (names.length === 0) flags.problems.push('--source must name at least one source: kubernetes, or file:dist');
  if (names.length === 1 && names[0] === 'kubernetes') return { kind: 'kubernetes', kubeconfig };
  const others = names.filter((name) => !/^file:./.test(name));
  if (others.length > 0) {
    flags.problems.push(`--source (${others.join(',')}) must be kubernetes alone, or file:FOLDER`);
  }
  if (kubeconfig !== undefined) flags.problems.push('--kubeconfig goes with --source=kubernetes alone');
  return { kind: 'files', folders: names.map((name) => name.slice('file:'.length)) };
}

export interface OpenSourceOptions {
  readonly log: Logger;
  readonly registry: Registry;
}

/** The objects of an API server. */
export function kubernetesSource(
  client: KubernetesSourceOptions['client'],
  { log, registry }: OpenSourceOptions,
): ObjectSource {
  return new KubernetesSource({ client, log, registry, now: Date.now, random: Math.random });
}

/** Those of folders of manifests. */
export function folderSource(folders: readonly string[], { log }: OpenSourceOptions): ObjectSource {
  return new FileSource({
    folders,
    onProblem: (problem) => log.warn(problem, 'manifest not read'),
    onHandlerFailure: ({ kind, name, error }) =>
      log.error({ kind, object: name, error: error.stack }, 'a handler failed on a change'),
  });
}
