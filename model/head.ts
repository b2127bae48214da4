import type { ServerPolicy } from '../proxy/policy/inbound/server-policy.ts';
import { isFoldable, isUnusual, isUnusualMethod, pathReadings } from '../proxy/route/path-readings.ts';
import { foldPath } from '../proxy/route/route-table.ts';
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

interface Reading {
  readonly head: RequestHead;
  readonly foldedPath?: string;
}

/**
 * A request in each way that an application may read it, of which all must be let in (proxy/inbound/http.ts). Undefined
 * when there are too many.
 */
export function headReadings(policy: ServerPolicy, head: RequestHead): readonly Reading[] | undefined {
  const { method, path } = head;
  const isPlain = !(policy.guardsPaths && isUnusual(path)) && !(policy.guardsMethods && isUnusualMethod(method));
  const paths = isPlain || !policy.guardsPaths ? [path] : pathReadings(path);
  if (paths === undefined) return undefined;
  const methods = !isPlain && isUnusualMethod(method) ? [method, method.toUpperCase()] : [method];
  return methods.flatMap((read) =>
    paths.flatMap((each): Reading[] => {
      const asRead = { ...head, method: read, path: each };
      const folds = policy.guardsPaths && (isFoldable(each) || policy.routes?.byCase !== false);
      return folds ? [{ head: asRead }, { head: asRead, foldedPath: foldPath(each) }] : [{ head: asRead }];
    }),
  );
}
