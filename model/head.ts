import { Field, marksOfAll } from '../proxy/wire/field.ts';
import type { RequestHead } from '../proxy/wire/stream.ts';
import type { Call } from './call.ts';

/** The head of a call, as the caller's sidecar reads it. */
export function headOf({ from, url, path, method, headers, grpc }: Call): RequestHead {
  const all = grpc ? { 'content-type': 'application/grpc', te: 'trailers', ...headers } : headers;
  const given = Object.entries(all).map(([name, value]) => new Field(name.toLowerCase(), value));
  const fields = given.filter(({ name }) => name !== 'host');
  // Who asks a proxy names what it is to call in the request, and that stands before a host.
  const host = from?.mode === 'explicit' ? undefined : given.find(({ name }) => name === 'host')?.value;
  return {
    method: method.toUpperCase(),
    scheme: 'http',
    authority: host ?? url.host,
    path,
    contentLength: -1,
    upgrade: undefined,
    absoluteForm: false,
    fields,
    marks: marksOfAll(fields),
  };
}
