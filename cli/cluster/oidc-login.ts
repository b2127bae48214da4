import { readFile, realpath, rename, stat, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { decodeJwt } from 'jose';
import {
  type ClientAuth,
  ClientSecretBasic,
  ClientSecretPost,
  customFetch,
  type DiscoveryRequestOptions,
  discovery,
  None,
  refreshTokenGrant,
} from 'openid-client';
import { Agent, fetch } from 'undici';
import { parseDocument } from 'yaml';
import { z } from 'zod';
import type { KubeconfigContext } from '../../control-plane/kubernetes/kubeconfig-file.ts';
import { AccessError } from '../../control-plane/kubernetes/server-access.ts';

const text = z.string().optional();
const provider = z.object({
  name: z.string(),
  config: z.object({
    'idp-issuer-url': text,
    'client-id': text,
    'client-secret': text,
    'id-token': text,
    'refresh-token': text,
    'idp-certificate-authority': text,
    'idp-certificate-authority-data': text,
  }),
});
type OidcConfig = z.infer<typeof provider>['config'];

/** A token that ends sooner is not shown any more: the call would be refused on its way. */
const leastSeconds = 10;

/**
 * The login of a kubeconfig's `auth-provider: oidc`: its ID token, and a new one of the issuer when that has ended. The
 * issuer may take each refresh token once only, so new ones are written back, as kubectl does. Throws an AccessError for
 * other providers; the login rejects with one.
 */
export function oidcLogin(context: KubeconfigContext, onProblem: (message: string) => void) {
  const { file, folder, value, name } = context.user;
  const refuse = (message: string): AccessError => new AccessError(`${file}: users.auth-provider${message}`);
  const read = provider.safeParse(value['auth-provider']);
  if (!read.success) {
    const [issue] = read.error.issues;
    throw refuse(`${issue.path.map((part) => `.${String(part)}`).join('')}: ${issue.message}`);
  }
  if (read.data.name !== 'oidc') {
    throw refuse(`.name (${read.data.name}) must be oidc: kubectl has no others any more, name a plugin in users.exec`);
  }
  let config = read.data.config;
  return async (): Promise<{ token: string }> => {
    const idToken = config['id-token'];
    if (idToken !== undefined && lives(idToken)) return { token: idToken };
    const issuer = config['idp-issuer-url'];
    let fresh: Pick<OidcConfig, 'id-token' | 'refresh-token'>;
    try {
      fresh = await refreshed(config, folder);
    } catch (error) {
      const cause = (error as { cause?: Error }).cause?.message;
      const message = `${(error as Error).message}${cause === undefined ? '' : ` (${cause})`}`;
      throw refuse(`: the ID token has ended, and ${issuer} gives no other: ${message}. Log in again`);
    }
    config = { ...config, ...fresh };
    await writeBack(file, name, fresh).catch((error: Error) =>
      onProblem(`${file}: the tokens that ${issuer} gave cannot be kept: ${error.message}`),
    );
    return { token: config['id-token'] as string };
  };
}

function lives(idToken: string): boolean {
  try {
    const { exp } = decodeJwt(idToken);
    return exp !== undefined && exp - leastSeconds > Date.now() / 1000;
  } catch {
    return false;
  }
}

async function refreshed(config: OidcConfig, folder: string): Promise<{ 'id-token': string; 'refresh-token': string }> {
  const {
    'idp-issuer-url': issuer,
    'client-id': clientId,
    'client-secret': secret,
    'refresh-token': refreshToken,
  } = config;
  const url = URL.parse(issuer ?? '');
  if (url === null) throw new Error('idp-issuer-url must be a URL');
  if (clientId === undefined || refreshToken === undefined) throw new Error('client-id and refresh-token are not set');
  const authority = await authorityOf(config, folder);
  const dispatcher = authority === undefined ? undefined : new Agent({ connect: { ca: authority } });
  const options: DiscoveryRequestOptions = {};
  if (dispatcher !== undefined) {
    options[customFetch] = (target, init) => fetch(target, { ...init, dispatcher } as never) as never;
  }
  try {
    const found = await discovery(url, clientId, undefined, secret ? bySecret(secret) : None(), options);
    const answer = await refreshTokenGrant(found, refreshToken);
    if (answer.id_token === undefined) throw new Error('its answer has no ID token');
    return { 'id-token': answer.id_token, 'refresh-token': answer.refresh_token ?? refreshToken };
  } finally {
    await dispatcher?.close();
  }
}

/** The client's secret as the issuer says that it takes it (OpenID Connect Discovery 1.0, section 3). */
function bySecret(secret: string): ClientAuth {
  const [basic, post] = [ClientSecretBasic(secret), ClientSecretPost(secret)];
  return (issuer, ...rest) => {
    const taken = issuer.token_endpoint_auth_methods_supported ?? ['client_secret_basic'];
    return (taken.includes('client_secret_basic') ? basic : post)(issuer, ...rest);
  };
}

async function authorityOf(config: OidcConfig, folder: string): Promise<string | undefined> {
  const { 'idp-certificate-authority-data': data, 'idp-certificate-authority': path } = config;
  if (data) return Buffer.from(data, 'base64').toString('utf8');
  return path ? readFile(resolve(folder, path), 'utf8') : undefined;
}

/** The rest of the file stays as it is, comments among it. */
async function writeBack(file: string, user: string, tokens: Readonly<Record<string, string | undefined>>) {
  const path = await realpath(file);
  const document = parseDocument(await readFile(path, 'utf8'));
  const users = (document.toJS() as { users?: { name?: string }[] }).users ?? [];
  const index = users.findIndex(({ name }) => name === user);
  for (const [name, token] of Object.entries(tokens)) {
    document.setIn(['users', index, 'user', 'auth-provider', 'config', name], token);
  }
  const { mode } = await stat(path);
  const beside = `${path}.${process.pid}`;
  await writeFile(beside, document.toString({ lineWidth: 0 }), { mode: mode & 0o777 });
  await rename(beside, path);
}
