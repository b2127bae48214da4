import { isFoldable, isUnusual, isUnusualMethod, pathReadings } from '../../route/path-readings.ts';
import { foldPath, type RouteTable } from '../../route/route-table.ts';
import type { RequestHead } from '../../wire/stream.ts';
import type { ServerPolicy } from './server-policy.ts';

/**
 * An application gets a request as it came, and reads it as it does: where what it takes it for matters, each must be let in.
 * These are pure, and shared with the model of the mesh; a request that is read in one way costs no object.
 */

type Guards = Pick<ServerPolicy, 'guardsPaths' | 'guardsMethods'>;

/** Whether a request may be read as another one than is written: most are not. */
export const isReadInWays = ({ guardsPaths, guardsMethods }: Guards, { path, method }: RequestHead): boolean =>
  (guardsPaths && isUnusual(path)) || (guardsMethods && isUnusualMethod(method));

/** A request in each of the ways that its path and method may be read, the simplest last. Undefined: there are too many. */
export function headReadings(policy: Guards, head: RequestHead): readonly RequestHead[] | undefined {
  if (!isReadInWays(policy, head)) return [head];
  const { method } = head;
  const paths = policy.guardsPaths ? pathReadings(head.path) : [head.path];
  const methods = isUnusualMethod(method) ? [method, method.toUpperCase()] : [method];
  return paths && methods.flatMap((read) => paths.map((path) => ({ ...head, method: read, path })));
}

/**
 * The route that a request has for an application that knows no case, and no slash at the end: `route`, that of all others,
 * where these are nothing to the policy.
 */
export function foldedRoute<Route>(
  { guardsPaths, routes }: { readonly guardsPaths: boolean; readonly routes: RouteTable<Route> | undefined },
  head: RequestHead,
  route: Route | undefined,
): Route | undefined {
  if (!guardsPaths || (!isFoldable(head.path) && routes?.byCase === false)) return route;
  return routes?.find(head, foldPath(head.path));
}
