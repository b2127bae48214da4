/** So many ways to read one path are nobody's path. */
const mostReadings = 32;
const unusual = /[%;\\]|\/[/.]/;
/** Before the query; of what stands in that, it may say so as well. */
const foldable = /[A-Z]|.\/(\?|$)/;
/** What some applications take for a slash, and others do not; and what ends a string in some languages. */
const ambiguous = /\\|%(?:2f|5c|00|(?![0-9a-f]{2}))/i;
const unreserved = /[A-Za-z0-9._~-]/;
/** What a path may hold as it stands and encoded, and means the same to whoever decodes it all (RFC 3986 `pchar`). */
const reserved = /%(?:2[146789abcABC]|3[abdABD]|40)/g;

/** Whether a path may be read in more than one way: most are not. It may say so of a query; then there is one reading. */
export const isUnusual = (path: string): boolean => unusual.test(path);

/** Whether `foldPath` may make another path of it. */
export const isFoldable = (path: string): boolean => foldable.test(path);

/** Frameworks of WSGI and others take a method in whatever letters it comes; as HTTP has it, it is another one then. */
export const isUnusualMethod = (method: string): boolean => /[a-z]/.test(method);

/**
 * The ways in which applications may read a request's path, its query included and left alone: percent-encoding of what
 * needs none undone, and then with that of `:`, `@` and the like undone, slashes merged, dot segments resolved and parameters
 * (`;...`) taken off, each or not, in any order. The last one is the shortest. Undefined when applications would differ on where its segments end, as
 * they do of `%2F`, `%5C`, `\`, `%00` and a `%` that encodes nothing.
 *
 *     /%61dmin        /admin
 *     //admin         //admin, /admin
 *     /x/../admin     /x/../admin, /admin
 *     /admin;a=1/     /admin;a=1/, /admin/
 *     /x%3Arun        /x%3Arun, /x:run
 */
export function pathReadings(path: string): readonly string[] | undefined {
  const query = path.indexOf('?');
  const [before, after] = query < 0 ? [path, ''] : [path.slice(0, query), path.slice(query)];
  if (ambiguous.test(before)) return undefined;
  const readings = [decodeUnreserved(before)];
  for (let i = 0; i < readings.length; i++) {
    for (const read of [decodeReserved, mergeSlashes, withoutParameters, withoutDotSegments]) {
      const reading = read(readings[i]);
      if (readings.includes(reading)) continue;
      if (readings.push(reading) > mostReadings) return undefined;
    }
  }
  return readings.sort((a, b) => b.length - a.length).map((reading) => reading + after);
}

/** Undoes the encoding of characters that mean the same without (RFC 3986 section 6.2.2); what stays is in upper case. */
export function decodeUnreserved(path: string): string {
  return path.replace(/%[0-9a-f]{2}/gi, (encoded) => {
    const char = String.fromCharCode(Number.parseInt(encoded.slice(1), 16));
    return unreserved.test(char) ? char : encoded.toUpperCase();
  });
}

const decodeReserved = (path: string): string => path.replace(reserved, (encoded) => decodeURIComponent(encoded));
const mergeSlashes = (path: string): string => path.replace(/\/{2,}/g, '/');
const withoutParameters = (path: string): string => path.replace(/;[^/]*/g, '');

/** RFC 3986 section 5.2.4. */
function withoutDotSegments(path: string): string {
  if (!path.startsWith('/')) return path;
  const kept: string[] = [];
  const segments = path.slice(1).split('/');
  for (const [index, segment] of segments.entries()) {
    const isLast = index === segments.length - 1;
    if (segment === '..') kept.pop();
    else if (segment !== '.') kept.push(segment);
    if (isLast && (segment === '.' || segment === '..')) kept.push('');
  }
  return `/${kept.join('/')}`;
}
