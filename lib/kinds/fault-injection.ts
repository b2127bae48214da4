import { grpcErrors } from '../contract/grpc-statuses.ts';
import type { ReadKind } from './definition.ts';
import type { KubernetesObject } from './kubernetes-object.ts';
import type { RouteCondition } from './route-object.ts';
import { condition, integer, object, oneOf, type Schema, says, text } from './schema.ts';

/** Faults in the words of Istio's HTTPFaultInjection, but that a percentage is a number. */
export interface FaultInjection extends KubernetesObject {
  readonly kind: 'FaultInjection';
  readonly spec: {
    readonly delay?: { readonly fixedDelay: string; readonly percentage?: number };
    readonly abort?: { readonly httpStatus?: number; readonly grpcStatus?: string; readonly percentage?: number };
  };
  readonly status?: { readonly conditions?: readonly RouteCondition[] };
}

const percentage: Schema = {
  type: 'number',
  minimum: 0,
  maximum: 100,
  description: 'Of the requests that the rule is for, from 0 to 100, fractions too. Default: 100.',
};

/** Requests that wait, or fail, to see what their clients do then: named by filters (ExtensionRef) of routes. */
export const faultInjection: ReadKind<FaultInjection> = {
  group: 'tulle.dev',
  kind: 'FaultInjection',
  plural: 'faultinjections',
  scope: 'Namespaced',
  refusesUnknownFields: true,
  writesStatus: true,
  reads: { versions: ['v1alpha1'], keep: { spec: 'any', status: 'any' } },
  versions: [
    {
      name: 'v1alpha1',
      schema: object({
        'spec*': object({
          delay: object(
            {
              'fixedDelay*': text({
                maxLength: 64,
                pattern: '^([0-9]{1,5}(h|m|s|ms)){1,4}$',
                description: 'Such as 500ms or 1m30s, up to 1h.',
                [says]: 'must be a duration such as 500ms or 1m30s',
              }),
              percentage,
            },
            { description: 'A request waits before anything else is done with it.' },
          ),
          abort: object(
            {
              httpStatus: integer(200, 599, { description: 'For rules of an HTTPRoute.' }),
              grpcStatus: {
                ...oneOf(...grpcErrors),
                description: 'For rules of a GRPCRoute.',
              },
              percentage,
            },
            { description: 'A request is answered, by nobody. One that waits, too, waits before.' },
          ),
        }),
        status: object({ conditions: { type: 'array', items: condition, maxItems: 8 } }),
      }),
      status: true,
    },
  ],
};
