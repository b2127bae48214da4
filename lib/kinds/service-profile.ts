import type { KindSpec } from './definition.ts';
import { flag, integer, list, object, type Schema, text } from './schema.ts';

/** `all`, `any` and `not` hold conditions again; a schema cannot say that, so their fields are kept unchecked. */
const nested: Schema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };

const requestMatch = object({
  pathRegex: text({ description: 'Must match the whole path.' }),
  method: text(),
  not: nested,
  all: list(nested),
  any: list(nested),
});

const statusCode = integer(100, 599);
const responseMatch = object({
  status: object({ min: statusCode, max: statusCode }),
  not: nested,
  all: list(nested),
  any: list(nested),
});

const profile = object({
  spec: object({
    'routes*': list(
      object({
        'name*': text(),
        'condition*': requestMatch,
        isRetryable: flag(),
        timeout: text({ description: 'Such as 250ms.' }),
        responseClasses: list(object({ 'condition*': responseMatch, isFailure: flag() })),
      }),
    ),
    retryBudget: object({
      'retryRatio*': { type: 'number', minimum: 0, description: 'Retries for each request that is not one.' },
      'minRetriesPerSecond*': integer(0),
      'ttl*': text({ description: 'Such as 10s.' }),
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
export const serviceProfile: KindSpec = {
  group: 'linkerd.io',
  kind: 'ServiceProfile',
  plural: 'serviceprofiles',
  shortNames: ['sp'],
  isRead: true,
  versions: [
    { name: 'v1alpha2', schema: profile },
    { name: 'v1alpha1', schema: profile },
  ],
};
