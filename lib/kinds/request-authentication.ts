import type { ReadKind } from './definition.ts';
import { headerName } from './http-route.ts';
import type { KubernetesObject } from './kubernetes-object.ts';
import type { RouteCondition } from './route-object.ts';
import { condition, flag, list, type ObjectRef, object, reference, text } from './schema.ts';

/** Whose tokens hold (Istio's words, but for `fromParams`' default: a token in a URL is written into logs). */
export interface JwtRule {
  readonly issuer: string;
  readonly audiences?: readonly string[];
  readonly jwks?: string;
  readonly jwksUri?: string;
  readonly fromHeaders?: readonly { readonly name: string; readonly prefix?: string }[];
  readonly fromParams?: readonly string[];
  readonly fromCookies?: readonly string[];
  readonly forwardOriginalToken?: boolean;
  readonly outputClaimToHeaders?: readonly { readonly header: string; readonly claim: string }[];
}

export interface RequestAuthentication extends KubernetesObject {
  readonly kind: 'RequestAuthentication';
  readonly spec: {
    readonly targetRef: ObjectRef;
    readonly optional?: boolean;
    readonly jwtRules?: readonly JwtRule[];
    readonly requiredClaims?: readonly { readonly claim: string; readonly values?: readonly string[] }[];
  };
  readonly status?: { readonly conditions?: readonly RouteCondition[] };
}

const claim = text({ minLength: 1, maxLength: 256, description: 'A name, or names joined by dots.' });
const named = text({ minLength: 1, maxLength: 256 });

const jwtRule = object({
  'issuer*': text({ minLength: 1, maxLength: 2048, description: "What tokens say in 'iss', to the letter." }),
  audiences: list(text({ minLength: 1, maxLength: 2048 }), {
    maxItems: 32,
    description: "Tokens say one of them in 'aud'; without, any does.",
  }),
  jwks: text({ minLength: 1, description: 'The public keys, as a JSON Web Key Set.' }),
  jwksUri: text({
    minLength: 1,
    maxLength: 2048,
    description: 'Where the issuer publishes them, instead: an https URL that the destination component fetches.',
  }),
  fromHeaders: list(object({ 'name*': headerName, prefix: text({ maxLength: 64 }) }), {
    maxItems: 8,
    description: "Where tokens stand; when nothing is said, in 'authorization' behind 'Bearer '.",
  }),
  fromParams: list(named, { maxItems: 8, description: 'Parameters of the query.' }),
  fromCookies: list(named, { maxItems: 8 }),
  forwardOriginalToken: flag({ description: 'The application gets the token, too.' }),
  outputClaimToHeaders: list(object({ 'header*': headerName, 'claim*': claim }), {
    maxItems: 32,
    description: 'Headers that tell the application claims; what clients write there is taken away.',
  }),
});

/** Which tokens (JWT) of end users the requests of a Server, a route or a namespace bring, and what must stand in them. */
export const requestAuthentication: ReadKind<RequestAuthentication> = {
  group: 'tulle.dev',
  kind: 'RequestAuthentication',
  plural: 'requestauthentications',
  scope: 'Namespaced',
  shortNames: ['reqauthn'],
  refusesUnknownFields: true,
  writesStatus: true,
  reads: { versions: ['v1alpha1'], keep: { spec: 'any', status: 'any' } },
  versions: [
    {
      name: 'v1alpha1',
      schema: object({
        'spec*': object({
          'targetRef*': reference(),
          optional: flag({ description: 'A request without a token is let in; one with a bad token is not.' }),
          jwtRules: list(jwtRule, { maxItems: 16, description: 'A token holds by any of them.' }),
          requiredClaims: list(object({ 'claim*': claim, values: list(text({ maxLength: 1024 }), { maxItems: 64 }) }), {
            maxItems: 32,
            description: 'Each must be in the token, with one of the values where some are named.',
          }),
        }),
        status: object({ conditions: list(condition) }),
      }),
      status: true,
    },
  ],
};
