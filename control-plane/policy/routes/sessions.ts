import { createHash } from 'node:crypto';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import type { SessionAffinitySchema } from '../../../api/gen/tulle_pb.js';
import { goDurationMs } from '../../../lib/contract/durations.ts';
import { isCookiePath, sessionNameProblem, sessionTimeoutProblem } from '../../../lib/contract/session.ts';
import type { HttpRouteMatch, SessionPersistence } from '../../../lib/kinds/route-object.ts';
import type { FieldProblem } from './field-problem.ts';

export type SessionInit = MessageInitShape<typeof SessionAffinitySchema> & { $typeName?: never };

/** How a rule may not keep sessions, beyond what its definition says. */
export function sessionProblems(session: SessionPersistence): FieldProblem[] {
  const { type = 'Cookie', sessionName, absoluteTimeout, idleTimeout, cookieConfig } = session;
  const problems: FieldProblem[] = [];
  const tell = (field: string, must: string | undefined, value?: string): void => {
    if (must !== undefined) problems.push({ field, must, value });
  };
  if (type !== 'Cookie' && type !== 'Header') tell('type', 'must be Cookie or Header', type);
  if (sessionName != null) {
    tell('sessionName', sessionNameProblem(type === 'Header' ? 'header' : 'cookie', sessionName), sessionName);
  }
  if (absoluteTimeout != null) {
    tell('absoluteTimeout', sessionTimeoutProblem(goDurationMs.read(absoluteTimeout)), absoluteTimeout);
  }
  if (idleTimeout != null) {
    tell('idleTimeout', 'must not be set: no sidecar follows it. absoluteTimeout ends a session', idleTimeout);
  }
  if (cookieConfig == null) return problems;
  const { lifetimeType = 'Session' } = cookieConfig;
  if (type === 'Header') tell('cookieConfig', 'must not be set where the type is Header');
  if (lifetimeType !== 'Session' && lifetimeType !== 'Permanent') {
    tell('cookieConfig.lifetimeType', 'must be Session or Permanent', lifetimeType);
  }
  if (lifetimeType === 'Permanent' && absoluteTimeout == null) {
    tell('absoluteTimeout', 'must be set where the lifetime of the cookie is Permanent');
  }
  return problems;
}

/** As proxies are told of it, where it has no problems. `rule` tells those apart that do not say what theirs is called. */
export function sessionToApi(session: SessionPersistence, rule: string, matches: readonly unknown[]): SessionInit {
  const { type = 'Cookie', sessionName, absoluteTimeout, cookieConfig } = session;
  const name = sessionName ?? `tulle-session-${createHash('sha256').update(rule).digest('hex').slice(0, 12)}`;
  const timeout = absoluteTimeout == null ? undefined : durationFromMs(goDurationMs.read(absoluteTimeout) ?? 0);
  const ttl = cookieConfig?.lifetimeType === 'Permanent' ? timeout : durationFromMs(0);
  const carrier =
    type === 'Header'
      ? { case: 'header' as const, value: name.toLowerCase() }
      : { case: 'cookie' as const, value: { name, ttl, path: cookiePath(matches as readonly HttpRouteMatch[]) } };
  return { key: { case: 'session', value: { carrier, absoluteTimeout: timeout } } };
}

/** The longest path that all requests of the rule are below: the cookie is for that (GEP-1619). */
export function cookiePath(matches: readonly Pick<HttpRouteMatch, 'path'>[]): string {
  const paths = matches.map(({ path }) => {
    const { type = 'PathPrefix', value = '/' } = path ?? {};
    return type === 'RegularExpression' ? parentOfAll(value) : value;
  });
  if (paths.length === 0) return '/';
  // Below /shop/ is /shop as well, which no cookie of /shop/ is for.
  const path = paths.reduce(commonParent).replace(/(?<=.)\/$/, '');
  return isCookiePath(path) ? path : '/';
}

/** A path that all are below that fit a pattern: as far as it says each character, up to the last `/`. */
function parentOfAll(pattern: string): string {
  if (pattern.includes('|')) return '/';
  // Without a character that need not be there.
  const [said] = /^(?:[^\\.*+?()[\]{}^$](?![*?{]))*/.exec(pattern.replace(/^\^/, '')) ?? [''];
  return said.slice(0, Math.max(1, said.lastIndexOf('/')));
}

function commonParent(one: string, other: string): string {
  if (one === other) return one;
  const others = other.split('/');
  const segments = one.split('/');
  const differs = segments.findIndex((segment, index) => segment !== others[index]);
  return segments.slice(0, differs === -1 ? segments.length : differs).join('/') || '/';
}
