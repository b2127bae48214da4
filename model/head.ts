import { Field, marksOfAll } from '../proxy/wire/field.ts';
import type { RequestHead } from '../proxy/wire/stream.ts';
import type { Call } from './call.ts';

/** The head of a call, as the caller's sidecar reads it. */
export function headOf({ url, path, method, headers, grpc }: Call): RequestHead {
  const all = grpc ? { 'content-type': 'application/grpc', te: 'trailers', ...headers } : headers;
  const fields = Object.entries(all).map(([name, value]) => new Field(name.toLowerCase(), value));
  return {
    method: method.toUpperCase(),
    scheme: 'http',
    authority: url.host,
    path,
    contentLength: -1,
    upgrade: undefined,
    absoluteForm: false,
    fields,
    marks: marksOfAll(fields),
  };
}
