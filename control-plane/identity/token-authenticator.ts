/** Whose token it is. */
export interface ServiceAccount {
  readonly namespace: string;
  readonly name: string;
}

/**
 * - `malformed`: no token at all.
 * - `not authenticated`: a token that does not hold here: expired, for another audience, of another cluster, revoked.
 * - `review failed`: nobody could say, since the API server did not answer or refused the question.
 */
export type TokenProblem = 'malformed' | 'not authenticated' | 'review failed';

/** Why a token is not taken. */
export class TokenError extends Error {
  readonly reason: TokenProblem;

  constructor(reason: TokenProblem, message: string) {
    super(message);
    this.reason = reason;
  }
}

/** Tells whose service account token it is. */
export interface TokenAuthenticator {
  /** Whether tokens can be authenticated now. */
  readonly ready: boolean;
  /** Rejects with a TokenError. */
  authenticate(token: string): Promise<ServiceAccount>;
}

const maxTokenBytes = 16 * 1024;

/** The three parts of a JSON Web Token (RFC 7519), which every service account token is. Throws a TokenError. */
export function tokenParts(token: string): [header: string, claims: string, signature: string] {
  if (token.length > maxTokenBytes) throw new TokenError('malformed', 'the token is too long');
  const parts = token.trim().split('.');
  if (parts.length !== 3 || parts.some((part) => !/^[\w-]+$/.test(part))) {
    throw new TokenError('malformed', 'the token is no JSON Web Token');
  }
  return parts as [string, string, string];
}

/** The account of a user name `system:serviceaccount:NAMESPACE:NAME`. Throws a TokenError. */
export function serviceAccountOf(userName: unknown): ServiceAccount {
  const match = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(typeof userName === 'string' ? userName : '');
  if (!match) throw new TokenError('not authenticated', 'the token is not that of a service account');
  return { namespace: match[1], name: match[2] };
}
