import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { WatchedFiles } from '../polling/watched-file.ts';
import { type KubeconfigContext, readContext } from './kubeconfig-file.ts';
import { AccessError, type Credentials, type ServerAccess } from './server-access.ts';

export interface KubeconfigOptions {
  /** Told when a token file gives no token any more; the last one stays in use. */
  readonly onProblem: (message: string) => void;
  /** Default: the file's `current-context`. */
  readonly context?: string;
}

/**
 * The access that a kubeconfig file describes: server and CA, with a client certificate, a token or a token file, each
 * inline or as a file. Rejects with an AccessError that names the file and the field; so do fields that cannot be
 * honoured.
 */
export async function kubeconfigAccess(
  path: string,
  { context: name, onProblem }: KubeconfigOptions,
): Promise<ServerAccess> {
  const context = await readContext([path], name);
  refuseUnknownWays(context);
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
  const fixed: Credentials = {
    ca: await read(tls['certificate-authority-data'], tls['certificate-authority'], folder),
    cert: await read(login['client-certificate-data'], login['client-certificate'], context.user.folder),
    key: await read(login['client-key-data'], login['client-key'], context.user.folder),
    token: login.token,
  };
  const server = { url, serverName: tls['tls-server-name'] };
  if (login.tokenFile === undefined) {
    return { ...server, credentials: () => fixed, refresh: async () => {}, close: () => {} };
  }
  const files = new WatchedFiles(
    [resolve(context.user.folder, login.tokenFile)],
    ([token]) => ({ ...fixed, token: token.trim() }),
    onProblem,
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

/** What a component does not do: it runs no programs, and has no user to log in. The command line does all of it. */
function refuseUnknownWays({ cluster, user }: KubeconfigContext): void {
  const viaProxy = `run 'kubectl proxy' and name a kubeconfig whose server is http://127.0.0.1:8001`;
  const { exec, username, 'auth-provider': authProvider } = user.value;
  if (authProvider !== undefined || username !== undefined || exec)
    throw new AccessError(`${user.file}: users.exec, auth-provider and username are not supported: ${viaProxy}`);
  if (cluster.value['proxy-url'] !== undefined)
    throw new AccessError(`${cluster.file}: clusters.proxy-url is not supported: ${viaProxy}`);
  if (cluster.value['insecure-skip-tls-verify'])
    throw new AccessError(`${cluster.file}: insecure-skip-tls-verify is refused: set certificate-authority instead`);
}

/** The address of a server; plain HTTP is for loopback addresses alone. Throws an AccessError. */
export function serverUrl(server: string, path: string): URL {
  const url = URL.parse(server);
  if (url === null) throw new AccessError(`${path}: clusters.server (${server}) must be a URL`);
  const loopback = /^(localhost|127\.[\d.]+|\[::1\])$/.test(url.hostname);
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && loopback))
    throw new AccessError(`${path}: clusters.server (${server}) must be https; http is for loopback addresses alone`);
  return url;
}
