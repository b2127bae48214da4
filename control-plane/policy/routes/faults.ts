import type { MessageInitShape } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import type { GrpcFailureInjectorSchema } from '../../../api/gen/grpc_route_pb.js';
import type { HttpFailureInjectorSchema } from '../../../api/gen/http_route_pb.js';
import type { DelaySchema } from '../../../api/gen/tulle_pb.js';
import { goDurationMs } from '../../../lib/contract/durations.ts';
import { injectedFault } from '../../../lib/contract/faults.ts';
import { grpcErrors } from '../../../lib/contract/grpc-statuses.ts';
import { ratioOfPercent } from '../../../lib/contract/percentage.ts';
import type { FaultInjection } from '../../../lib/kinds/fault-injection.ts';
import type { FaultIndex } from '../index/fault-index.ts';

/** Who knows the FaultInjections. */
export type FaultLookup = Pick<FaultIndex, 'get'>;

type Filter<Case extends string, Value> = { readonly kind: { readonly case: Case; readonly value: Value } };
type DelayFilter = Filter<'delay', MessageInitShape<typeof DelaySchema>>;
type HttpAbort = Filter<'failureInjector', MessageInitShape<typeof HttpFailureInjectorSchema>>;
type GrpcAbort = Filter<'failureInjector', MessageInitShape<typeof GrpcFailureInjectorSchema>>;

/** What keeps a rule from naming a FaultInjection, `namespace/name`: undefined when nothing does. */
export interface FaultProblem {
  readonly reason: 'FaultInjectionNotFound' | 'FaultInjectionInvalid';
  readonly message: string;
}

const internalServerError = 500;
const grpcInternal = 13;

export function faultProblem(key: string, protocol: 'http' | 'grpc', faults: FaultLookup): FaultProblem | undefined {
  const fault = faults.get(key);
  if (fault === undefined) return { reason: 'FaultInjectionNotFound', message: `there is no FaultInjection ${key}` };
  const { problem, object } = fault;
  const invalid = (why: string): FaultProblem => ({
    reason: 'FaultInjectionInvalid',
    message: `the FaultInjection ${key} cannot hold: ${why}`,
  });
  if (problem !== undefined) return invalid(problem);
  const { abort } = object.spec;
  if (abort == null) return undefined;
  if (protocol === 'http' && abort.httpStatus == null)
    return invalid('for an HTTPRoute it needs spec.abort.httpStatus');
  if (protocol === 'grpc' && abort.grpcStatus == null) return invalid('for a GRPCRoute it needs spec.abort.grpcStatus');
  return undefined;
}

/** What a proxy does for a rule of an HTTP route that names a FaultInjection: it fails all where that cannot hold. */
export function httpFaults(key: string, faults: FaultLookup): (DelayFilter | HttpAbort)[] {
  const problem = faultProblem(key, 'http', faults);
  if (problem !== undefined) {
    return [{ kind: { case: 'failureInjector', value: { status: internalServerError, message: problem.message } } }];
  }
  const { delay, abort } = specOf(key, faults);
  const value = abort && { status: abort.httpStatus, message: messageOf(key), ratio: ratioOf(abort) };
  return [...delays(delay), ...(value == null ? [] : [{ kind: { case: 'failureInjector' as const, value } }])];
}

/** The same for a rule of a gRPC route. */
export function grpcFaults(key: string, faults: FaultLookup): (DelayFilter | GrpcAbort)[] {
  const problem = faultProblem(key, 'grpc', faults);
  if (problem !== undefined) {
    return [{ kind: { case: 'failureInjector', value: { code: grpcInternal, message: problem.message } } }];
  }
  const { delay, abort } = specOf(key, faults);
  const value = abort && { code: codeOf(abort.grpcStatus), message: messageOf(key), ratio: ratioOf(abort) };
  return [...delays(delay), ...(value == null ? [] : [{ kind: { case: 'failureInjector' as const, value } }])];
}

const specOf = (key: string, faults: FaultLookup): FaultInjection['spec'] => faults.get(key)?.object.spec ?? {};
const messageOf = (key: string): string => `${injectedFault} ${key}`;
const codeOf = (name: string | undefined): number => (grpcErrors as readonly unknown[]).indexOf(name) + 1;

/** Undefined for all of the requests. */
const ratioOf = ({ percentage = 100 }: { readonly percentage?: number }) =>
  percentage === 100 ? undefined : ratioOfPercent(percentage);

function delays(delay: FaultInjection['spec']['delay']): DelayFilter[] {
  if (delay == null) return [];
  const duration = durationFromMs(goDurationMs.read(delay.fixedDelay) ?? 0);
  return [{ kind: { case: 'delay', value: { duration, ratio: ratioOf(delay) } } }];
}
