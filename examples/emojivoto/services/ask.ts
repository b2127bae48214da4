/**
 * One request from within a pod, as the application itself would make it:
 *
 *     node examples/emojivoto/services/ask.ts [-X METHOD] [-H 'name: value']... URL
 *
 * Prints status, version and body of the answer.
 */
import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({
  options: {
    request: { type: 'string', short: 'X', default: 'GET' },
    header: { type: 'string', short: 'H', multiple: true, default: [] },
  },
  allowPositionals: true,
});
const [url] = positionals;
if (url === undefined) throw new Error('the URL must be given: node ask.ts http://web-svc.emojivoto/api/list');

const headers = values.header.map((line): [string, string] => {
  const colon = line.indexOf(':');
  if (colon < 1) throw new Error(`the header (${line}) must be written 'name: value'`);
  return [line.slice(0, colon), line.slice(colon + 1).trim()];
});
const response = await fetch(url, {
  method: values.request,
  headers,
  redirect: 'manual',
  signal: AbortSignal.timeout(10_000),
});
console.log(`${response.status} ${response.statusText}`);
for (const name of ['x-version', 'location', 'l5d-proxy-error']) {
  const value = response.headers.get(name);
  if (value !== null) console.log(`${name}: ${value}`);
}
console.log(await response.text());
