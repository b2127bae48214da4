/**
 * One request from within a pod, as the application itself would make it:
 *
 *     node examples/emojivoto/services/ask.ts [-X METHOD] [-H 'name: value']... [-n TIMES] URL
 *
 * Prints status, version, what else of the head says where to go or come back, and body of the answer. With TIMES so many
 * requests are made at once, and how many were answered alike is printed.
 */
import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({
  options: {
    request: { type: 'string', short: 'X', default: 'GET' },
    header: { type: 'string', short: 'H', multiple: true, default: [] },
    times: { type: 'string', short: 'n' },
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
const ask = (): Promise<Response> =>
  fetch(url, { method: values.request, headers, redirect: 'manual', signal: AbortSignal.timeout(10_000) });

if (values.times === undefined) {
  const response = await ask();
  console.log(`${response.status} ${response.statusText}`);
  for (const name of ['x-version', 'location', 'set-cookie', 'l5d-proxy-error']) {
    const value = response.headers.get(name);
    if (value !== null) console.log(`${name}: ${value}`);
  }
  console.log(await response.text());
} else {
  const counts = new Map<string, number>();
  await Promise.all(
    Array.from({ length: Number(values.times) }, async () => {
      const response = await ask();
      await response.arrayBuffer();
      const alike = `${response.status} ${response.statusText}, x-version: ${response.headers.get('x-version')}`;
      counts.set(alike, (counts.get(alike) ?? 0) + 1);
    }),
  );
  for (const [alike, count] of [...counts].sort()) console.log(`${count} times ${alike}`);
}
