import { Field } from '../../field.ts';

/** The static table of RFC 7541 appendix A, in order from index 1: `name` or `name: value`. */
const lines = `:authority
:method: GET
:method: POST
:path: /
:path: /index.html
:scheme: http
:scheme: https
:status: 200
:status: 204
:status: 206
:status: 304
:status: 400
:status: 404
:status: 500
accept-charset
accept-encoding: gzip, deflate
accept-language
accept-ranges
accept
access-control-allow-origin
age
allow
authorization
cache-control
content-disposition
content-encoding
content-language
content-length
content-location
content-range
content-type
cookie
date
etag
expect
expires
from
host
if-match
if-modified-since
if-none-match
if-range
if-unmodified-since
last-modified
link
location
max-forwards
proxy-authenticate
proxy-authorization
range
referer
refresh
retry-after
server
set-cookie
strict-transport-security
transfer-encoding
user-agent
vary
via
www-authenticate`.split('\n');

function parse(line: string): Field {
  const colon = line.indexOf(': ', 1);
  const field = colon < 0 ? new Field(line, '') : new Field(line.slice(0, colon), line.slice(colon + 2));
  field.interned = true;
  return field;
}

export const staticFields: readonly Field[] = lines.map(parse);
export const staticCount = staticFields.length;

/** First static index of each name. */
export const staticNames: ReadonlyMap<string, number> = new Map(
  staticFields.map((field, i): [string, number] => [field.name, i + 1]).reverse(),
);

const exact = new Map(staticFields.map((field, i): [string, number] => [`${field.name}: ${field.value}`, i + 1]));

/** Static index of name and value both, or 0. */
export function staticIndex(name: string, value: string): number {
  return exact.get(`${name}: ${value}`) ?? 0;
}
