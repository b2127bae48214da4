import { readFile } from 'node:fs/promises';
import type { Agent } from 'node:http';
import type { RequestOptions } from 'node:https';
import { resolve } from 'node:path';
import { type Cluster, HttpMethod, KubeConfig, RequestContext, type User } from '@kubernetes/client-node';
import type { Dispatcher } from 'undici';
import { serverUrl } from '../../control-plane/kubernetes/kubeconfig.ts';
import type { KubeconfigContext } from '../../control-plane/kubernetes/kubeconfig-file.ts';
import { AccessError, type Credentials, type ServerAccess } from '../../control-plane/kubernetes/server-access.ts';
import { execConfigOf, type PluginTerminal, runCredentialPlugin } from './credential-plugin.ts';
import { impersonation } from './impersonation.ts';
import { oidcLogin } from './oidc-login.ts';

/** The way to an API server for commands. */
export interface ClusterAccess extends ServerAccess {
  /** For connections that are no calls, such as WebSockets: leads through the proxy of the kubeconfig, where it has one. */
  agent?(): Agent | undefined;
}

export interface AccessOptions extends PluginTerminal {
  /** Told when the user cannot be logged in any more; the last credentials stay in use. */
  readonly onProblem: (message: string) => void;
}

/** What a login gives; what the kubeconfig says itself stands beside it. */
type Login = Partial<Pick<User, 'token' | 'certData' | 'keyData'>>;

interface Entered {
  readonly credentials: Credentials;
  readonly dispatcher: Dispatcher | undefined;
  readonly agent: Agent | undefined;
}

/**
 * The access of a kubeconfig's context: what `KubeConfig` of @kubernetes/client-node makes of it, its proxies among that,
 * after logins that it does not know or gets wrong (docs/decisions/0019). Rejects with an AccessError that names file and
 * field.
 */
export async function contextAccess(context: KubeconfigContext, options: AccessOptions): Promise<ClusterAccess> {
  const { value: cluster, file } = context.cluster;
  const { as, 'as-groups': groups } = context.user.value;
  const url = serverUrl(cluster.server, file);
  checkProxy(cluster['proxy-url'], file);
  const login = loginOf(context, options);
  let current = await enter(context, await login?.());
  return {
    url,
    serverName: cluster['tls-server-name'],
    ...(cluster['insecure-skip-tls-verify'] ? { insecure: true } : {}),
    headers: impersonation(as, groups ?? []),
    credentials: () => current.credentials,
    dispatcher: () => current.dispatcher,
    agent: () => current.agent,
    refresh: async () => {
      try {
        if (login !== undefined) current = await enter(context, await login());
      } catch (error) {
        options.onProblem((error as Error).message);
      }
    },
    close: () => {},
  };
}

/** Who has to be asked for credentials, and is asked again when those were refused; undefined when all is in the file. */
function loginOf(context: KubeconfigContext, options: AccessOptions): (() => Promise<Login>) | undefined {
  const { value: user, file, folder } = context.user;
  const exec = execConfigOf(context);
  if (exec !== undefined) {
    return async () => {
      const { ca } = (await enter(context)).credentials;
      const { token, cert, key } = await runCredentialPlugin(exec, { ...context.cluster.value, ca }, folder, options);
      return { token, certData: cert && base64(cert), keyData: key && base64(key) };
    };
  }
  if (user['auth-provider'] !== undefined && user['auth-provider'] !== null)
    return oidcLogin(context, options.onProblem);
  const { tokenFile } = user;
  if (tokenFile === undefined) return undefined;
  return async () => {
    try {
      return { token: (await readFile(resolve(folder, tokenFile), 'utf8')).trim() };
    } catch (error) {
      throw new AccessError(`${file}: users.tokenFile: ${(error as Error).message}`);
    }
  };
}

/** With what a login gave. Rejects with an AccessError when a file that is named cannot be read. */
async function enter(context: KubeconfigContext, login: Login = {}): Promise<Entered> {
  const { value: at, folder } = context.cluster;
  const { value: user } = context.user;
  const cluster: Cluster = {
    name: context.cluster.name,
    server: at.server,
    ...inlineOrFile('ca', at['certificate-authority-data'], at['certificate-authority'], folder),
    tlsServerName: at['tls-server-name'],
    // KubeConfig refuses plain HTTP without it, which `kubectl proxy` serves.
    skipTLSVerify: at['insecure-skip-tls-verify'] === true || at.server.startsWith('http:'),
    // The proxy looks up the server's name, as with kubectl: it may be known there alone.
    proxyUrl: at['proxy-url']?.replace(/^socks5:/, 'socks5h:'),
  };
  const config = new KubeConfig();
  config.loadFromOptions({
    clusters: [cluster],
    users: [
      {
        name: context.user.name,
        ...inlineOrFile('cert', user['client-certificate-data'], user['client-certificate'], context.user.folder),
        ...inlineOrFile('key', user['client-key-data'], user['client-key'], context.user.folder),
        ...{ token: user.token, username: user.username, password: user.password },
        ...login,
      },
    ],
    contexts: [{ name: context.name, cluster: context.cluster.name, user: context.user.name }],
    currentContext: context.name,
  });
  const socket: RequestOptions = {};
  const request = new RequestContext(at.server, HttpMethod.GET);
  try {
    await config.applyToHTTPSOptions(socket);
    await config.applySecurityAuthentication(request);
  } catch (error) {
    throw new AccessError(`${context.cluster.file}: context '${context.name}': ${(error as Error).message}`);
  }
  const { ca, cert, key, agent } = socket;
  return {
    credentials: {
      ca: text(ca),
      cert: text(cert),
      key: text(key),
      authorization: request.getHeaders()['Authorization'],
    },
    dispatcher: request.getDispatcher(),
    agent: typeof agent === 'object' ? agent : undefined,
  };
}

/** As kubectl has it: what is inline counts before a file. */
function inlineOrFile(kind: 'ca' | 'cert' | 'key', data: string | undefined, path: string | undefined, folder: string) {
  if (data !== undefined) return { [`${kind}Data`]: data };
  return path === undefined ? {} : { [`${kind}File`]: resolve(folder, path) };
}

function checkProxy(proxyUrl: string | undefined, file: string): void {
  if (proxyUrl === undefined) return;
  const protocol = URL.parse(proxyUrl)?.protocol;
  if (protocol === undefined || !/^(https?|socks[45]?[ah]?):$/.test(protocol)) {
    throw new AccessError(`${file}: clusters.proxy-url (${proxyUrl}) must be a URL of http, https or socks5`);
  }
}

const base64 = (pem: string): string => Buffer.from(pem).toString('base64');
const text = (pem: unknown): string | undefined => (pem instanceof Buffer ? pem.toString('utf8') : undefined);
