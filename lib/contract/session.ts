import { longestCookieMs } from './affinity.ts';
import { headerNameProblem, longestHeaderName, longestPath } from './route-filters.ts';

/** What brings a session back that a client was told. */
export type SessionCarrier =
  | {
      readonly kind: 'cookie';
      readonly name: string;
      /** How long the client keeps it, in ms; 0: for its own session. */
      readonly keptMs: number;
      readonly path: string;
    }
  /** Of a response, and of the requests behind it. */
  | { readonly kind: 'header'; readonly name: string };

/** How the requests of a client stay with the endpoint that has answered the first of them. */
export interface SessionSetting {
  readonly carrier: SessionCarrier;
  /** From its beginning, in ms; undefined: a session has no end. */
  readonly timeoutMs: number | undefined;
}

/** Of a session, in ms: whole seconds are what is told clients. */
export const sessionTimeout = { minMs: 1000, maxMs: longestCookieMs } as const;

export function sessionNameProblem(kind: SessionCarrier['kind'], name: string): string | undefined {
  if (kind === 'header') {
    const isBad = headerNameProblem(name) !== undefined || /^(set-)?cookie$/i.test(name);
    return isBad ? 'must be the name of a header that may be changed' : undefined;
  }
  return name.length <= longestHeaderName && /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name)
    ? undefined
    : `must be the name of a cookie, of at most ${longestHeaderName} characters`;
}

export function sessionTimeoutProblem(ms: number | undefined): string | undefined {
  return ms !== undefined && ms >= sessionTimeout.minMs && ms <= sessionTimeout.maxMs
    ? undefined
    : 'must be a duration from 1s to 400d';
}

/** It is written into `set-cookie`: nothing but a path may stand in it. */
export const isCookiePath = (path: string): boolean =>
  path.length <= longestPath && /^\/[\x21-\x3a\x3c-\x7e]*$/.test(path);

/** How a setting breaks its rules, in words that follow its name; undefined when it does not. */
export function sessionProblem({ carrier, timeoutMs }: SessionSetting): string | undefined {
  const name = sessionNameProblem(carrier.kind, carrier.name);
  if (name !== undefined) return `has a name that ${name}`;
  if (timeoutMs !== undefined) {
    const timeout = sessionTimeoutProblem(timeoutMs);
    if (timeout !== undefined) return `has a timeout that ${timeout}`;
  }
  if (carrier.kind === 'header') return undefined;
  if (!(carrier.keptMs >= 0 && carrier.keptMs <= longestCookieMs)) return 'must have a ttl of at most 400d';
  return isCookiePath(carrier.path) ? undefined : 'must have a path in ASCII that begins with / and has no ;';
}
