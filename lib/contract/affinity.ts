import { trafficDurationMs } from './durations.ts';
import { type Form, longest } from './form.ts';
import { headerNameProblem, longestHeaderName, longestPath } from './route-filters.ts';

/** What of a request decides which endpoint of a Service it goes to. */
export type AffinitySetting =
  | { readonly kind: 'header'; readonly name: string }
  | {
      readonly kind: 'cookie';
      readonly name: string;
      /** In ms, 0 for the client's session; undefined: a request that lacks the cookie is given none. */
      readonly ttlMs: number | undefined;
      readonly path: string | undefined;
    }
  | { readonly kind: 'query'; readonly name: string }
  | { readonly kind: 'source' };

/** Clients keep no cookie for longer (RFC 6265bis, 400 days). */
export const longestCookieMs = 400 * 86_400_000;

/** The most requests of one endpoint in relation to those of all: from all alike to what is no bound any more. */
export const affinityLoad = { min: 1, max: 100 } as const;

/** Requests in flight for each endpoint of a zone. */
export const zoneLoad = { min: 0.1, max: 10_000, default: 2 } as const;

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** How a setting breaks its rules, in words that follow its name; undefined when it does not. */
export function affinityProblem(setting: AffinitySetting): string | undefined {
  switch (setting.kind) {
    case 'source':
      return undefined;
    case 'header':
      return headerNameProblem(setting.name) === undefined ? undefined : 'must name a header that requests bring';
    case 'query':
      return /^[^\s&=#;?]+$/.test(setting.name) && setting.name.length <= longestHeaderName
        ? undefined
        : `must name a query parameter as it is written, in at most ${longestHeaderName} characters`;
    case 'cookie':
      return cookieProblem(setting.name, setting.ttlMs, setting.path);
  }
}

function cookieProblem(name: string, ttlMs: number | undefined, path: string | undefined): string | undefined {
  if (name.length > longestHeaderName || !token.test(name)) {
    return `must name a cookie in at most ${longestHeaderName} characters`;
  }
  if (ttlMs !== undefined && !(ttlMs >= 0 && ttlMs <= longestCookieMs)) return 'must have a ttl of at most 400d';
  // It is written into `set-cookie`: nothing but a path may stand in it.
  const isPath = path === undefined || (path.length <= longestPath && /^\/[\x21-\x3a\x3c-\x7e]*$/.test(path));
  return isPath ? undefined : 'must have a path in ASCII that begins with / and has no ;';
}

const expected =
  "'header:<name>', 'cookie:<name>', 'cookie:<name>;ttl=<duration>;path=<path>', 'query:<name>' or 'source-ip'";

/** `balancer.tulle.dev/affinity`, as people write it. */
export const affinitySetting: Form<AffinitySetting> = {
  read: (text) => {
    const setting = text.length > longest.text ? undefined : parse(text.trim());
    return setting === undefined || affinityProblem(setting) !== undefined ? undefined : setting;
  },
  expected,
};

function parse(text: string): AffinitySetting | undefined {
  if (text === 'source-ip') return { kind: 'source' };
  const colon = text.indexOf(':');
  const kind = text.slice(0, Math.max(0, colon));
  const rest = text.slice(colon + 1);
  if (kind === 'header') return { kind, name: rest.toLowerCase() };
  if (kind === 'query') return { kind, name: rest };
  return kind === 'cookie' ? parseCookie(rest) : undefined;
}

function parseCookie(text: string): AffinitySetting | undefined {
  const [name, ...attributes] = text.split(';').map((part) => part.trim());
  let ttlMs: number | undefined;
  let path: string | undefined;
  for (const attribute of attributes) {
    if (attribute.startsWith('ttl=') && ttlMs === undefined) {
      ttlMs = trafficDurationMs.read(attribute.slice(4));
      if (ttlMs === undefined) return undefined;
    } else if (attribute.startsWith('path=') && path === undefined) path = attribute.slice(5);
    else return undefined;
  }
  // A path says where a cookie that is made is sent back to.
  return path !== undefined && ttlMs === undefined ? undefined : { kind: 'cookie', name, ttlMs, path };
}
