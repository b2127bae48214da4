import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { WatchedFiles } from '../polling/watched-file.ts';
import { credentialPluginOf, type ExecConfig, type KubeconfigContext, readContext } from './kubeconfig-file.ts';
import { AccessError, type Credentials, type ServerAccess } from './server-access.ts';

/** The cluster that credentials are wanted for. */
export interface PluginCluster {
  readonly server: string;
  readonly serverName: string | undefined;
  readonly ca: string | undefined;
  readonly insecure: boolean;
}

/** Runs a credential plugin. `folder` is that of the kubeconfig file. Rejects with an AccessError. */
export type CredentialPlugin = (exec: ExecConfig, cluster: PluginCluster, folder: string) => Promise<Credentials>;

export interface AccessOptions {
  /** Told when a token file, or a plugin, gives no credentials any more; the last ones stay in use. */
  readonly onProblem: (message: string) => void;
  /** Without it, a user with a credential plugin is refused: a component runs no programs. */
  readonly plugin?: CredentialPlugin;
  /** Whether `insecure-skip-tls-verify` is obeyed instead of refused. Default false. */
  readonly allowInsecure?: boolean;
}

export interface KubeconfigOptions extends AccessOptions {
  /** Default: the file's `current-context`. */
  readonly context?: string;
}

/**
 * The access that a kubeconfig file describes: server and CA, with a client certificate, a token or a token file, each
 * inline or as a file. Rejects with an AccessError that names the file and the field; so do fields that cannot be
 * honoured.
 */
export async function kubeconfigAccess(path: string, options: KubeconfigOptions): Promise<ServerAccess> {
  return contextAccess(await readContext([path], options.context), options);
}

/** The access that a context describes. Rejects as `kubeconfigAccess` does. */
export async function contextAccess(context: KubeconfigContext, options: AccessOptions): Promise<ServerAccess> {
  refuseUnknownWays(context, options);
  const { value: tls, file, folder } = context.cluster;
  const login = context.user.value;
  const url = serverUrl(tls.server, file);
  const read = async (
    data: string | undefined,
    path: string | undefined,
    from: string,
  ): Promise<string | undefined> => {
    if (data !== undefined) return Buffer.from(data, 'base64').toString('utf8');
    return path && readFile(resolve(from, path), 'utf8');
  };
  const insecure = tls['insecure-skip-tls-verify'] ?? false;
  const fixed: Credentials = {
    ca: await read(tls['certificate-authority-data'], tls['certificate-authority'], folder),
    cert: await read(login['client-certificate-data'], login['client-certificate'], context.user.folder),
    key: await read(login['client-key-data'], login['client-key'], context.user.folder),
    token: login.token,
  };
  const server = { url, serverName: tls['tls-server-name'], ...(insecure ? { insecure } : {}) };
  const exec = options.plugin && credentialPluginOf(context);
  if (exec !== undefined) {
    const about = { server: tls.server, serverName: server.serverName, ca: fixed.ca, insecure };
    const ask = async (): Promise<Credentials> => ({
      ca: fixed.ca,
      ...(await options.plugin?.(exec, about, context.user.folder)),
    });
    return pluginAccess(server, await ask(), ask, options.onProblem);
  }
  if (login.tokenFile === undefined) {
    return { ...server, credentials: () => fixed, refresh: async () => {}, close: () => {} };
  }
  const files = new WatchedFiles(
    [resolve(context.user.folder, login.tokenFile)],
    ([token]) => ({ ...fixed, token: token.trim() }),
    options.onProblem,
    5000,
  );
  await files.refresh();
  return {
    ...server,
    credentials: () => files.current ?? fixed,
    refresh: () => files.refresh(),
    close: () => files.close(),
  };
}

/** The plugin is asked again when its credentials are refused, which is how they end. */
function pluginAccess(
  server: Pick<ServerAccess, 'url' | 'serverName' | 'insecure'>,
  first: Credentials,
  ask: () => Promise<Credentials>,
  onProblem: (message: string) => void,
): ServerAccess {
  let current = first;
  return {
    ...server,
    credentials: () => current,
    refresh: async () => {
      try {
        current = await ask();
      } catch (error) {
        onProblem((error as Error).message);
      }
    },
    close: () => {},
  };
}

function refuseUnknownWays({ cluster, user }: KubeconfigContext, { plugin, allowInsecure }: AccessOptions): void {
  const viaProxy = `run 'kubectl proxy' and name a kubeconfig whose server is http://127.0.0.1:8001`;
  const { exec, username, 'auth-provider': authProvider } = user.value;
  if (authProvider !== undefined || username !== undefined || (exec && plugin === undefined))
    throw new AccessError(
      `${user.file}: users.${plugin ? '' : 'exec, '}auth-provider and username are not supported: ${viaProxy}`,
    );
  if (cluster.value['proxy-url'] !== undefined)
    throw new AccessError(`${cluster.file}: clusters.proxy-url is not supported: ${viaProxy}`);
  if (cluster.value['insecure-skip-tls-verify'] && !allowInsecure)
    throw new AccessError(`${cluster.file}: insecure-skip-tls-verify is refused: set certificate-authority instead`);
}

function serverUrl(server: string, path: string): URL {
  const url = URL.parse(server);
  if (url === null) throw new AccessError(`${path}: clusters.server (${server}) must be a URL`);
  const loopback = /^(localhost|127\.[\d.]+|\[::1\])$/.test(url.hostname);
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && loopback))
    throw new AccessError(`${path}: clusters.server (${server}) must be https; http is for loopback addresses alone`);
  return url;
}
