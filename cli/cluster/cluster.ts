import { ApiError } from '../../control-plane/kubernetes/api.ts';
import { KubernetesClient } from '../../control-plane/kubernetes/client.ts';
import { readContext } from '../../control-plane/kubernetes/kubeconfig-file.ts';
import { AccessError, inClusterAccess } from '../../control-plane/kubernetes/server-access.ts';
import { meshVersion } from '../../lib/contract/version.ts';
import { CommandError, NoCluster, type Terminal, UsageError } from '../terminal.ts';
import { impersonation } from './impersonation.ts';
import type { ClusterAccess } from './kubeconfig-access.ts';
import { type ClusterOptions, clusterPlace, defaultMeshNamespace, type Place } from './place.ts';
import { isOfApiServer, refusalText } from './refusal.ts';

export { type ClusterOptions, clusterPlace, defaultMeshNamespace } from './place.ts';

/** A cluster that commands ask. */
export interface Cluster {
  readonly client: KubernetesClient;
  readonly access: ClusterAccess;
  /** `context 'kind' (https://127.0.0.1:6443)`, for messages. */
  readonly title: string;
  /** The namespace asked for: that of `-n`, else that of the context, else `default`. */
  readonly namespace: string;
  readonly meshNamespace: string;
}

export interface ConnectOptions {
  /** Deadline of each call. Default 30 s. */
  readonly timeoutMs?: number;
}

/** Prepares the way to the cluster; connects with the first call. Rejects with a CommandError. */
export async function connectCluster(
  options: ClusterOptions,
  terminal: Terminal,
  { timeoutMs }: ConnectOptions = {},
): Promise<Cluster> {
  const place = clusterPlace(options, terminal);
  if (place === undefined) {
    throw new NoCluster(
      'no cluster is known: name a kubeconfig file with --kubeconfig or KUBECONFIG, or put one to ~/.kube/config',
    );
  }
  const onProblem = (message: string): void => terminal.err(`warning: ${message}\n`);
  try {
    const { access, title, namespace } = await open(place, options, terminal, onProblem);
    const impersonating = withImpersonation(access, options);
    return {
      client: new KubernetesClient(impersonating, { timeoutMs, userAgent: `tulle-cli/${meshVersion}` }),
      access: impersonating,
      title,
      namespace: options.namespace ?? namespace ?? 'default',
      meshNamespace: options.meshNamespace ?? defaultMeshNamespace,
    };
  } catch (error) {
    if (error instanceof AccessError) throw new NoCluster(`no way to a cluster: ${error.message}`);
    throw error;
  }
}

async function open(place: Place, options: ClusterOptions, terminal: Terminal, onProblem: (message: string) => void) {
  const { environment } = terminal;
  if (place.kind === 'pod') {
    if (options.context !== undefined) throw new AccessError('--context needs a kubeconfig file: name it');
    const access = await inClusterAccess({ env: environment, onProblem });
    return { access, title: `the cluster of this pod (${access.url.origin})`, namespace: undefined };
  }
  const context = await readContext(place.paths, options.context);
  // Half of the time and memory that a command takes to start: not for those that talk to no cluster.
  const { contextAccess } = await import('./kubeconfig-access.ts');
  const access = await contextAccess(context, { onProblem, environment, interactive: terminal.interactive ?? false });
  const title = `context '${context.name}' (${access.url.origin}) of ${context.cluster.file}`;
  return { access, title, namespace: context.namespace };
}

function withImpersonation(access: ClusterAccess, { as, asGroup = [] }: ClusterOptions): ClusterAccess {
  if (as === undefined) {
    if (asGroup.length > 0) throw new UsageError('--as-group needs --as: the API server asks for a user');
    return access;
  }
  return { ...access, headers: impersonation(as, asGroup) };
}

/** Runs `work` on a cluster and closes it. An answer of the API server that ends the work is told in one line. */
export async function withCluster<T>(
  options: ClusterOptions,
  terminal: Terminal,
  work: (cluster: Cluster) => Promise<T>,
  connect: ConnectOptions = {},
): Promise<T> {
  const cluster = await connectCluster(options, terminal, connect);
  try {
    return await work(cluster);
  } catch (error) {
    throw told(error, cluster);
  } finally {
    cluster.client.close();
  }
}

/** What ends the work with a cluster: an answer of its API server in words, anything else as it is. */
export function told(error: unknown, place: Pick<Cluster, 'title'>): unknown {
  if (!(error instanceof ApiError)) return error;
  const message = explain(error, place);
  return error.status === 0 ? new NoCluster(message) : new CommandError(message);
}

/** What went wrong, where, and what to do about it. */
export function explain(error: ApiError, { title }: Pick<Cluster, 'title'>): string {
  const { status, message } = error;
  const advice =
    status === 0
      ? isOfCertificate(error.cause)
        ? 'what answers is not whom the kubeconfig trusts: fetch that anew, or choose another with --context'
        : 'is the cluster up? --context and --kubeconfig choose another'
      : status === 401
        ? 'the credentials are not accepted: log in again, or choose others with --context'
        : status === 403 && isOfApiServer(error)
          ? `${refusalText(error)}; ask for the permission, or be another with --as`
          : status < 400
            ? 'is this a Kubernetes API server? --context and --kubeconfig choose another'
            : undefined;
  return `${title}: ${message}${advice === undefined ? '' : ` (${advice})`}`;
}

/** Whether a certificate of the other side was not taken, by the codes of Node. */
const isOfCertificate = (cause: unknown): boolean =>
  cause instanceof Error && 'code' in cause && /CERT|ALTNAME|ISSUER/.test(String(cause.code));
