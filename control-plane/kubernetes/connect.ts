import { KubernetesClient } from './client.ts';
import { kubeconfigAccess } from './kubeconfig.ts';
import { inClusterAccess } from './server-access.ts';

export interface ConnectOptions {
  /** A kubeconfig file; without it, the pod's own access is used. */
  readonly kubeconfig?: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Told of credentials that cannot be read any more. */
  readonly onProblem: (message: string) => void;
  /** Named to the API server in its logs and audits. Default `tulle`. */
  readonly userAgent?: string;
}

/** The API server of this pod, or of a kubeconfig file. Rejects with an AccessError; connects with the first call. */
export async function connectToCluster(options: ConnectOptions): Promise<KubernetesClient> {
  const { kubeconfig, env, onProblem, userAgent } = options;
  const access =
    kubeconfig === undefined
      ? await inClusterAccess({ env, onProblem })
      : await kubeconfigAccess(kubeconfig, { onProblem });
  return new KubernetesClient(access, { userAgent });
}
