/**
 * What the filters of routes may say: the validator, the control plane and the proxy hold them to the same. Each function
 * returns how a value breaks its rule, in words that follow it (`must ...`); undefined when it does not.
 */

/** In characters, as the Gateway API has them. */
export const longestHeaderName = 256;
export const longestHeaderValue = 4096;
export const longestPath = 1024;
export const longestHost = 253;

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** Names that a proxy makes anew for each hop: as fields they would say another thing than the message does. */
const ofFraming = new Set([
  'connection',
  'content-length',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** The name of a header that a filter writes or removes, in any case. */
export function headerNameProblem(name: string): string | undefined {
  if (name.length > longestHeaderName || !token.test(name)) {
    return `must be a header name of at most ${longestHeaderName} characters`;
  }
  const lower = name.toLowerCase();
  if (lower === 'host') return 'must not be changed as a header: a URLRewrite filter changes the host';
  if (ofFraming.has(lower)) return 'must not be changed: proxies make this header anew for each hop';
  // Some applications take any mark for the dash.
  if (/^l5d[^a-z0-9]/.test(lower)) return 'must not begin with l5d-: what does is for proxies alone';
  return undefined;
}

/** The value of such a header, surrounding white space included. */
export function headerValueProblem(value: string): string | undefined {
  if (value.length > longestHeaderValue) return `must not be longer than ${longestHeaderValue} characters`;
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if (code !== 0x09 && (code < 0x20 || code === 0x7f)) return 'must have no control characters';
  }
  return undefined;
}

/** A path that takes the place of one, or of its prefix. */
export function pathProblem(path: string): string | undefined {
  if (!path.startsWith('/')) return 'must be an absolute path: it begins with /';
  if (path.length > longestPath) return `must not be longer than ${longestPath} characters`;
  for (let i = 0; i < path.length; i++) {
    const code = path.charCodeAt(i);
    if (code <= 0x20 || code >= 0x7f || code === 0x23)
      return 'must be in ASCII, with spaces, # and the like percent-encoded';
  }
  return undefined;
}

/** A host that takes the place of one: without a port. */
export function hostProblem(host: string): string | undefined {
  const fits = host.length <= longestHost && /^[0-9A-Za-z._-]+$/.test(host);
  return fits ? undefined : 'must be a host name, without a port';
}

/** A method or a header name that CORS tells of, or `*`. */
export const corsNameProblem = (name: string): string | undefined =>
  name.length <= longestHeaderName && token.test(name) ? undefined : 'must be a name, or * for any';

/** An origin that CORS allows. */
export function corsOriginProblem(origin: string): string | undefined {
  if (origin === '*') return undefined;
  const wildcards = origin.split('*').length - 1;
  const fits = origin.length <= longestHost + 16 && /^https?:\/\/[0-9A-Za-z._*-]+(?::\d{1,5})?$/i.test(origin);
  return fits && wildcards <= 1 ? undefined : 'must be *, or http:// or https:// with a host that has one * at most';
}

interface MirrorShare {
  readonly percent?: number;
  readonly fraction?: { readonly numerator: number; readonly denominator?: number };
}

/** Which part of the requests a mirror copies. The denominator is 100 where none is set. */
export function mirrorShareProblem({ percent, fraction }: MirrorShare): string | undefined {
  if (percent != null && fraction != null) return 'must have either a percent or a fraction';
  if (percent != null && !(percent >= 0 && percent <= 100)) return 'must have a percent from 0 to 100';
  if (fraction == null) return undefined;
  const { numerator } = fraction;
  const denominator = fraction.denominator ?? 100;
  const fits = denominator >= 1 && numerator >= 0 && numerator <= denominator;
  return fits ? undefined : 'must have a fraction from 0 to 1, whose denominator is at least 1';
}

/** The statuses of a redirect. */
export const redirectStatuses: readonly number[] = [301, 302, 303, 307, 308];
