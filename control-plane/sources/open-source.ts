import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { FlagError } from '../flags.ts';
import { connectToCluster } from '../kubernetes/connect.ts';
import { FileSource } from './file-source.ts';
import { KubernetesSource } from './kubernetes-source.ts';
import type { ObjectSource } from './object-source.ts';

export interface OpenSourceOptions {
  /** Values of `--source`: `kubernetes`, or one or more `file:FOLDER`. */
  readonly names: readonly string[];
  /** Value of `--kubeconfig`: a file, for `kubernetes` outside of a cluster. */
  readonly kubeconfig?: string;
  readonly log: Logger;
  readonly registry: Registry;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Opens what `--source` names. Rejects with a FlagError, or with an AccessError when the API server cannot be used. */
export async function openSource(options: OpenSourceOptions): Promise<ObjectSource> {
  const { names, kubeconfig, log, registry, env } = options;
  if (names.length === 0) throw new FlagError('--source must name at least one source: kubernetes, or file:dist');
  if (names.length === 1 && names[0] === 'kubernetes') {
    const onProblem = (message: string): void => log.error({ error: message }, 'credentials cannot be read');
    const client = await connectToCluster({ kubeconfig, env, onProblem });
    return new KubernetesSource({ client, log, registry, now: Date.now, random: Math.random });
  }
  const folders = names.map((name) => {
    if (!name.startsWith('file:')) throw new FlagError(`--source (${name}) must be kubernetes alone, or file:FOLDER`);
    return name.slice('file:'.length);
  });
  if (kubeconfig !== undefined) throw new FlagError('--kubeconfig goes with --source=kubernetes alone');
  return new FileSource({
    folders,
    onProblem: (problem) => log.warn(problem, 'manifest not read'),
    onHandlerFailure: ({ kind, name, error }) =>
      log.error({ kind, object: name, error: error.stack }, 'a handler failed on a change'),
  });
}
