import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { WatchedFiles } from '../watched-file.ts';
import { AccessError, type Credentials, type ServerAccess } from './server-access.ts';

const text = z.string().optional();
const cluster = z.object({
  server: z.string(),
  'certificate-authority': text,
  'certificate-authority-data': text,
  'tls-server-name': text,
  'insecure-skip-tls-verify': z.boolean().optional(),
  'proxy-url': text,
});
const user = z.object({
  'client-certificate': text,
  'client-certificate-data': text,
  'client-key': text,
  'client-key-data': text,
  token: text,
  tokenFile: text,
  username: text,
  exec: z.unknown().optional(),
  'auth-provider': z.unknown().optional(),
});
const kubeconfig = z.object({
  'current-context': text,
  clusters: z.array(z.object({ name: z.string(), cluster })).nullish(),
  users: z.array(z.object({ name: z.string(), user })).nullish(),
  contexts: z.array(z.object({ name: z.string(), context: z.object({ cluster: z.string(), user: text }) })).nullish(),
});

type Login = Partial<z.infer<typeof user>>;

export interface KubeconfigOptions {
  /** Default: the file's `current-context`. */
  readonly context?: string;
  /** Told when a token file cannot be read any more; the last token stays in use. */
  readonly onProblem: (message: string) => void;
}

/**
 * The access that a kubeconfig file describes: server and CA, with a client certificate, a token or a token file, each
 * inline or as a file. Rejects with an AccessError that names the file and the field; so do fields that cannot be
 * honoured, such as credential plugins.
 */
export async function kubeconfigAccess(path: string, options: KubeconfigOptions): Promise<ServerAccess> {
  const config = await readKubeconfig(path);
  const contextName = options.context ?? config['current-context'];
  if (!contextName) throw new AccessError(`${path}: current-context is not set: name a context`);
  const { context } = pick(config.contexts, contextName, 'context', path);
  const tls = pick(config.clusters, context.cluster, 'cluster', path).cluster;
  const login: Login = context.user ? pick(config.users, context.user, 'user', path).user : {};
  refuseUnknownWays(path, tls, login);

  const url = serverUrl(tls.server, path);
  const read = async (data: string | undefined, file: string | undefined): Promise<string | undefined> => {
    if (data !== undefined) return Buffer.from(data, 'base64').toString('utf8');
    return file && readFile(resolve(dirname(path), file), 'utf8');
  };
  const fixed: Credentials = {
    ca: await read(tls['certificate-authority-data'], tls['certificate-authority']),
    cert: await read(login['client-certificate-data'], login['client-certificate']),
    key: await read(login['client-key-data'], login['client-key']),
    token: login.token,
  };
  const serverName = tls['tls-server-name'];
  if (login.tokenFile === undefined) {
    return { url, serverName, credentials: () => fixed, refresh: async () => {}, close: () => {} };
  }
  const tokenFile = resolve(dirname(path), login.tokenFile);
  const files = new WatchedFiles(
    [tokenFile],
    ([token]) => ({ ...fixed, token: token.trim() }),
    options.onProblem,
    5000,
  );
  await files.refresh();
  return {
    url,
    serverName,
    credentials: () => files.current ?? fixed,
    refresh: () => files.refresh(),
    close: () => files.close(),
  };
}

async function readKubeconfig(path: string): Promise<z.infer<typeof kubeconfig>> {
  let content: unknown;
  try {
    content = parse(await readFile(path, 'utf8'));
  } catch (error) {
    throw new AccessError(`${path}: ${(error as Error).message}`, { cause: error });
  }
  const result = kubeconfig.safeParse(content);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new AccessError(`${path}: ${issue.path.join('.') || 'kubeconfig'}: ${issue.message}`);
}

function pick<T extends { readonly name: string }>(
  list: readonly T[] | null | undefined,
  name: string,
  what: string,
  path: string,
): T {
  const found = list?.find((item) => item.name === name);
  if (found === undefined) throw new AccessError(`${path}: there is no ${what} '${name}'`);
  return found;
}

function refuseUnknownWays(path: string, tls: z.infer<typeof cluster>, login: Login): void {
  const viaProxy = `run 'kubectl proxy' and name a kubeconfig whose server is http://127.0.0.1:8001`;
  if (login.exec !== undefined || login['auth-provider'] !== undefined || login.username !== undefined)
    throw new AccessError(`${path}: users.exec, auth-provider and username are not supported: ${viaProxy}`);
  if (tls['proxy-url'] !== undefined)
    throw new AccessError(`${path}: clusters.proxy-url is not supported: ${viaProxy}`);
  if (tls['insecure-skip-tls-verify'])
    throw new AccessError(`${path}: insecure-skip-tls-verify is refused: set certificate-authority instead`);
}

function serverUrl(server: string, path: string): URL {
  const url = URL.parse(server);
  if (url === null) throw new AccessError(`${path}: clusters.server (${server}) must be a URL`);
  const loopback = /^(localhost|127\.[\d.]+|\[::1\])$/.test(url.hostname);
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && loopback))
    throw new AccessError(`${path}: clusters.server (${server}) must be https; http is for loopback addresses alone`);
  return url;
}
