import type { ReadKind } from './definition.ts';
import { duration, headerName } from './http-route.ts';
import type { KubernetesObject } from './kubernetes-object.ts';
import type { RouteCondition } from './route-object.ts';
import {
  condition,
  kubernetesName,
  list,
  map,
  type ObjectRef,
  object,
  oneOf,
  portNumber,
  reference,
  text,
} from './schema.ts';

export interface ExternalAuthorization extends KubernetesObject {
  readonly kind: 'ExternalAuthorization';
  readonly spec: {
    readonly targetRef: ObjectRef;
    readonly backendRef: {
      readonly group?: string;
      readonly kind?: string;
      readonly name: string;
      readonly namespace?: string;
      readonly port: number;
    };
    readonly timeout?: string;
    readonly failureMode?: 'Closed' | 'Open';
    readonly includeRequestHeaders?: readonly string[];
    readonly headersToBackend?: readonly string[];
    readonly contextExtensions?: Readonly<Record<string, string>>;
  };
  readonly status?: { readonly conditions?: readonly RouteCondition[] };
}

/** Whom the sidecars of a Server or route ask whether a request may come in: envoy.service.auth.v3.Authorization/Check. */
export const externalAuthorization: ReadKind<ExternalAuthorization> = {
  group: 'tulle.dev',
  kind: 'ExternalAuthorization',
  plural: 'externalauthorizations',
  scope: 'Namespaced',
  shortNames: ['extauthz'],
  refusesUnknownFields: true,
  writesStatus: true,
  reads: { versions: ['v1alpha1'], keep: { spec: 'any', status: 'any' } },
  versions: [
    {
      name: 'v1alpha1',
      schema: object({
        'spec*': object({
          'targetRef*': reference(),
          'backendRef*': object(
            {
              group: text({ maxLength: 253 }),
              kind: text({ maxLength: 63 }),
              'name*': kubernetesName,
              namespace: kubernetesName,
              'port*': portNumber,
            },
            { description: 'The Service of the authorizer; one of another namespace is to be granted there.' },
          ),
          timeout: { ...duration, description: 'How long an answer is waited for: 1ms to 10s, 200ms by default.' },
          failureMode: {
            ...oneOf('Closed', 'Open'),
            description: 'Whether a request is let in of which the authorizer has said nothing; Closed by default.',
          },
          includeRequestHeaders: list(headerName, {
            maxItems: 64,
            description: 'Which headers the authorizer is told; all of them when it is left out.',
          }),
          headersToBackend: list(headerName, {
            maxItems: 64,
            description: 'Which headers the authorizer may set; what clients write there is taken away.',
          }),
          contextExtensions: { ...map(text({ maxLength: 1024 })), maxProperties: 32 },
        }),
        status: object({ conditions: list(condition) }),
      }),
      status: true,
    },
  ],
};
