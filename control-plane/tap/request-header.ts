import type { TLSSocket } from 'node:tls';

/**
 * How the API server says for whom it calls an API that it does not serve itself: by a certificate that proves that it is
 * the API server, and headers that name the user (Kubernetes docs, "Configure the Aggregation Layer").
 */
export interface RequestHeaderAuth {
  /** Authorities of the API server's certificate, PEM. */
  readonly clientAuthorities: string;
  /** Common names of that; empty: any that the authorities vouch for. */
  readonly allowedNames: readonly string[];
  /** In lower case, as all below. The first that is there counts. */
  readonly usernameHeaders: readonly string[];
  readonly groupHeaders: readonly string[];
  readonly extraPrefixes: readonly string[];
}

/** Of the API server itself, in `kube-system`. */
export const requestHeaderConfigMap = 'extension-apiserver-authentication';

/** Reads the ConfigMap. Throws when it does not say who may name users: then nobody may. */
export function readRequestHeaderAuth(data: Readonly<Record<string, string>> = {}): RequestHeaderAuth {
  const list = (key: string): string[] => {
    const text = data[`requestheader-${key}`];
    if (text === undefined || text === '') return [];
    const values: unknown = JSON.parse(text);
    if (!Array.isArray(values) || values.some((value) => typeof value !== 'string')) {
      throw new Error(`requestheader-${key} must be a list of texts`);
    }
    return values;
  };
  const lower = (key: string): string[] => list(key).map((name) => name.toLowerCase());
  const clientAuthorities = data['requestheader-client-ca-file'] ?? '';
  if (clientAuthorities === '')
    throw new Error('requestheader-client-ca-file is not there: is the aggregation layer on?');
  const usernameHeaders = lower('username-headers');
  if (usernameHeaders.length === 0) throw new Error('requestheader-username-headers names no header');
  return {
    clientAuthorities,
    allowedNames: list('allowed-names'),
    usernameHeaders,
    groupHeaders: lower('group-headers'),
    extraPrefixes: lower('extra-headers-prefix'),
  };
}

/** For whom the API server calls. */
export interface Caller {
  readonly user: string;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

/** Whether a client whose certificate has been verified is the API server. */
export function isApiServer(
  socket: Pick<TLSSocket, 'authorized' | 'getPeerCertificate'>,
  auth: RequestHeaderAuth,
): boolean {
  if (!socket.authorized) return false;
  if (auth.allowedNames.length === 0) return true;
  const { subject } = socket.getPeerCertificate();
  return auth.allowedNames.includes(subject?.CN as string);
}

type Headers = Readonly<Record<string, readonly string[] | undefined>>;

/** Undefined when no user is named. */
export function callerOf(headers: Headers, auth: RequestHeaderAuth): Caller | undefined {
  const first = (names: readonly string[]): readonly string[] =>
    names.map((name) => headers[name] ?? []).find((values) => values.length > 0) ?? [];
  const [user] = first(auth.usernameHeaders);
  if (user === undefined || user === '') return undefined;
  const extra = new Map<string, readonly string[]>();
  for (const prefix of auth.extraPrefixes) {
    for (const [name, values] of Object.entries(headers)) {
      if (name.startsWith(prefix) && values !== undefined) extra.set(decoded(name.slice(prefix.length)), values);
    }
  }
  return { user, groups: auth.groupHeaders.flatMap((name) => headers[name] ?? []), extra: Object.fromEntries(extra) };
}

/** Keys that no header name can hold are percent-encoded. */
function decoded(key: string): string {
  try {
    return decodeURIComponent(key);
  } catch {
    return key;
  }
}
