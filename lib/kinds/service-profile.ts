import type { ReadKind } from './definition.ts';
import type { KubernetesObject } from './kubernetes-object.ts';
import { flag, integer, list, object, type Schema, sameAs, text } from './schema.ts';

export interface ServiceProfile extends KubernetesObject {
  readonly kind: 'ServiceProfile';
  readonly spec?: {
    readonly routes?: readonly ProfileRoute[];
    readonly retryBudget?: {
      readonly retryRatio: number;
      readonly minRetriesPerSecond: number;
      readonly ttl: string;
    };
    readonly dstOverrides?: readonly { readonly authority: string; readonly weight: number | string }[];
    readonly opaquePorts?: readonly string[];
  };
}

export interface ProfileRoute {
  readonly name: string;
  readonly condition: RequestCondition;
  readonly responseClasses?: readonly { readonly condition: ResponseCondition; readonly isFailure?: boolean }[];
  readonly isRetryable?: boolean;
  readonly timeout?: string;
}

export interface RequestCondition {
  readonly pathRegex?: string;
  readonly method?: string;
  readonly all?: readonly RequestCondition[];
  readonly any?: readonly RequestCondition[];
  readonly not?: RequestCondition;
}

export interface ResponseCondition {
  readonly status?: { readonly min?: number; readonly max?: number };
  readonly all?: readonly ResponseCondition[];
  readonly any?: readonly ResponseCondition[];
  readonly not?: ResponseCondition;
}

/** `all`, `any` and `not` hold conditions again; a definition cannot say that, so the API server does not check them. */
const nested = (condition: () => Schema): Schema => ({
  type: 'object',
  'x-kubernetes-preserve-unknown-fields': true,
  [sameAs]: condition,
});

const nestedRequest = nested(() => requestMatch);
const requestMatch: Schema = object({
  pathRegex: text({ description: 'Must match the whole path.' }),
  method: text(),
  not: nestedRequest,
  all: list(nestedRequest),
  any: list(nestedRequest),
});

const statusCode = integer(100, 599);
const nestedResponse = nested(() => responseMatch);
const responseMatch: Schema = object({
  status: object({ min: statusCode, max: statusCode }),
  not: nestedResponse,
  all: list(nestedResponse),
  any: list(nestedResponse),
});

const profile = object({
  spec: object({
    'routes*': list(
      object({
        'name*': text(),
        'condition*': requestMatch,
        isRetryable: flag(),
        timeout: text({ maxLength: 64, description: 'Such as 250ms.' }),
        responseClasses: list(object({ 'condition*': responseMatch, isFailure: flag() })),
      }),
    ),
    retryBudget: object({
      'retryRatio*': { type: 'number', minimum: 0, description: 'Retries for each request that is not one.' },
      'minRetriesPerSecond*': integer(0),
      'ttl*': text({ maxLength: 64, description: 'Such as 10s.' }),
    }),
    dstOverrides: list(
      object({
        authority: text(),
        weight: { 'x-kubernetes-int-or-string': true, description: 'Parts of the sum of weights, as a quantity.' },
      }),
    ),
    opaquePorts: list(text({ description: 'A port or a range of ports.' })),
  }),
});

/** Routes, retries and splits of a Service, by its full name: `web.shop.svc.cluster.local`. */
export const serviceProfile: ReadKind<ServiceProfile> = {
  group: 'linkerd.io',
  kind: 'ServiceProfile',
  plural: 'serviceprofiles',
  scope: 'Namespaced',
  shortNames: ['sp'],
  refusesUnknownFields: true,
  reads: { versions: ['v1alpha2', 'v1alpha1'], keep: { spec: 'any' } },
  versions: [
    { name: 'v1alpha2', schema: profile },
    { name: 'v1alpha1', schema: profile },
  ],
};
