import { existsSync } from 'node:fs';
import type { Dispatcher } from 'undici';
import { WatchedFiles } from '../polling/watched-file.ts';

/** What is shown to the API server, and what it must show. PEM texts. */
export interface Credentials {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly token?: string;
  /** The whole header, where there is no token in it. */
  readonly authorization?: string;
}

/** Where an API server is and how to be let in. */
export interface ServerAccess {
  readonly url: URL;
  /** The name that the server's certificate must have, when it is not the URL's host. */
  readonly serverName?: string;
  /** Takes any certificate of the server: the user's kubeconfig says so. Default false. */
  readonly insecure?: boolean;
  /** Sent with every call, such as `Impersonate-User`. */
  readonly headers?: Readonly<Record<string, string | string[]>>;
  /** As last read; the same object for as long as nothing has changed. */
  credentials(): Credentials;
  /** Another way to the server than a direct one, such as a proxy's, with these credentials; undefined when there is none. */
  dispatcher?(credentials: Credentials): Dispatcher | undefined;
  /** Reads the credentials again: the server did not take them. Never throws. */
  refresh(): Promise<void>;
  close(): void;
}

/** Another CA or client certificate needs other connections; another token does not. */
export function sameConnection(a: Credentials | undefined, b: Credentials): boolean {
  return a?.ca === b.ca && a?.cert === b.cert && a?.key === b.key;
}

/** What shows a call's credentials, besides the connection. */
export function authorizationOf({ token, authorization }: Credentials): Record<string, string> {
  const header = token === undefined ? authorization : `Bearer ${token}`;
  return header === undefined ? {} : { authorization: header };
}

/** Access that cannot be had: the message names the file or field, and what to do. */
export class AccessError extends Error {}

const serviceAccountFolder = '/var/run/secrets/kubernetes.io/serviceaccount';

export interface InClusterOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Told when the token or the CA cannot be read any more; the last ones stay in use. */
  readonly onProblem: (message: string) => void;
  /** Default: where the kubelet mounts it. */
  readonly folder?: string;
  /** How often the files are looked at. Default 5 s; the kubelet renews tokens long before they end. */
  readonly rereadMs?: number;
}

/** The access of a pod: the address of the environment, the token and the CA of the service account's mount. */
export async function inClusterAccess(options: InClusterOptions): Promise<ServerAccess> {
  const folder = options.folder ?? serviceAccountFolder;
  const host = options.env['KUBERNETES_SERVICE_HOST'];
  const port = options.env['KUBERNETES_SERVICE_PORT'];
  if (!host || !port) {
    throw new AccessError(
      'KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set: outside a pod, name a kubeconfig file',
    );
  }
  const paths = [`${folder}/token`, `${folder}/ca.crt`];
  const absent = paths.find((path) => !existsSync(path));
  if (absent !== undefined) {
    throw new AccessError(`${absent} is not there: the pod must have automountServiceAccountToken: true`);
  }
  const files = new WatchedFiles(paths, readServiceAccount, options.onProblem, options.rereadMs ?? 5000);
  await files.refresh();
  const first = files.current;
  if (first === undefined) {
    files.close();
    throw new AccessError(`the token and the CA in ${folder} cannot be used`);
  }
  return {
    url: new URL(`https://${host.includes(':') ? `[${host}]` : host}:${port}`),
    credentials: () => files.current ?? first,
    refresh: () => files.refresh(),
    close: () => files.close(),
  };
}

function readServiceAccount([token, ca]: readonly string[]): Credentials {
  if (token.trim() === '') throw new Error('the token is empty');
  if (!ca.includes('-----BEGIN CERTIFICATE-----')) throw new Error('the CA file has no PEM certificate');
  return { token: token.trim(), ca };
}
