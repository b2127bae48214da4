import type { Construct, IConstruct } from 'constructs';
import { claimHeaderProblem } from '../contract/claim-headers.ts';
import { readKeySet } from '../contract/key-set.ts';
import { kinds } from '../kinds/index.ts';
import type { JwtRule } from '../kinds/request-authentication.ts';
import type { ObjectRef } from '../kinds/schema.ts';
import { checkProps } from '../props/check-props.ts';
import { flag, instance, listOf, mapOf, needed, propsOf, type Shape, text } from '../props/form.ts';
import { PolicyObject, type PolicyObjectProps, policyShape } from './policy-object.ts';
import { type PolicyTarget, targetForm, targetRef } from './policy-target.ts';

/** Where a request has its token. */
export class TokenPlace {
  /** In a header, behind a prefix. */
  static header(name: string, prefix = ''): TokenPlace {
    checkProps({ name: needed(text), prefix: needed(text) }, { name, prefix });
    return new TokenPlace({ fromHeaders: [{ name, ...(prefix === '' ? {} : { prefix }) }] });
  }

  /** In a parameter of the query. Proxies and servers write those into their logs. */
  static queryParameter(name: string): TokenPlace {
    checkProps({ name: needed(text) }, { name });
    return new TokenPlace({ fromParams: [name] });
  }

  /** In a cookie. */
  static cookie(name: string): TokenPlace {
    checkProps({ name: needed(text) }, { name });
    return new TokenPlace({ fromCookies: [name] });
  }

  private readonly places: Pick<JwtRule, 'fromHeaders' | 'fromParams' | 'fromCookies'>;

  private constructor(places: Pick<JwtRule, 'fromHeaders' | 'fromParams' | 'fromCookies'>) {
    this.places = places;
  }

  /** @internal */
  get _places(): Pick<JwtRule, 'fromHeaders' | 'fromParams' | 'fromCookies'> {
    return this.places;
  }
}

/** Whose tokens hold. One of `jwks` and `jwksUri` is to be given. */
export interface JwtIssuer {
  /** What tokens say in `iss`, to the letter. */
  readonly issuer: string;

  /**
   * Tokens say one of these in `aud`.
   *
   * @default - any
   */
  readonly audiences?: string[];

  /**
   * Where the issuer publishes its keys: an https URL, fetched by the control plane.
   *
   * @default - the keys are given
   */
  readonly jwksUri?: string;

  /**
   * The public keys, as a JSON Web Key Set.
   *
   * @default - they are fetched
   */
  readonly jwks?: string;

  /**
   * Where tokens stand.
   *
   * @default - in the header `authorization`, behind `Bearer `
   */
  readonly from?: TokenPlace[];

  /**
   * Whether the application gets the token, too.
   *
   * @default false
   */
  readonly forwardToken?: boolean;

  /**
   * Headers that tell the application claims, by name; what clients write there is taken away.
   *
   * @default - none
   */
  readonly claimsToHeaders?: { [header: string]: string };
}

/** What must stand in tokens. */
export interface JwtClaims {
  /**
   * Claims by name, or names joined by dots, each with its values of which a token must have one; none: any value will do.
   *
   * @default - none
   */
  readonly claims?: { [claim: string]: string[] };

  /**
   * Whether a request without a token is let in; one with a bad token is not.
   *
   * @default false
   */
  readonly optional?: boolean;
}

export interface RequestAuthenticationProps extends PolicyObjectProps, JwtClaims {
  /** What requests with a token are for: a Server, a route of one, or every Server of the namespace. */
  readonly target: PolicyTarget | IConstruct;

  /** Whose tokens hold: any of these. At least one. */
  readonly issuers: JwtIssuer[];
}

export const issuerShape: Shape<JwtIssuer> = {
  issuer: needed(text),
  audiences: listOf(text),
  jwksUri: text,
  jwks: text,
  from: listOf(instance(() => TokenPlace)),
  forwardToken: flag,
  claimsToHeaders: mapOf(text),
};
export const claimsShape: Shape<JwtClaims> = { claims: mapOf(listOf(text)), optional: flag };
const shape: Shape<RequestAuthenticationProps> = {
  ...policyShape,
  target: needed(targetForm),
  issuers: needed(listOf(propsOf(issuerShape))),
  ...claimsShape,
};

/** Lets in requests that bring a token (JWT) of an end user. */
export class RequestAuthentication extends PolicyObject {
  constructor(scope: Construct, id: string, props: RequestAuthenticationProps) {
    checkProps(shape, props, { scope, id });
    const { issuers, target } = props;
    super(scope, id, kinds.RequestAuthentication, props, (namespace) =>
      requestAuthenticationSpec(issuers, props, targetRef(target, namespace)),
    );
  }
}

/** The specification of what is asked of tokens. Throws for what cannot be meant. */
export function requestAuthenticationSpec(
  issuers: readonly JwtIssuer[],
  { claims = {}, optional = false }: JwtClaims,
  target: ObjectRef,
): Record<string, unknown> {
  if (issuers.length === 0) throw new Error("'issuers' () must name one, or no token would hold");
  const requiredClaims = Object.entries(claims).map(([claim, values]) => ({
    claim,
    ...(values.length === 0 ? {} : { values: [...values] }),
  }));
  if (optional && requiredClaims.length > 0) {
    throw new Error(
      `'claims' (${Object.keys(claims).join(', ')}) must be left out where 'optional' is true: who left the token out would be let in`,
    );
  }
  return {
    targetRef: target,
    ...(optional ? { optional } : {}),
    jwtRules: issuers.map(ruleOf),
    ...(requiredClaims.length === 0 ? {} : { requiredClaims }),
  };
}

function ruleOf(given: JwtIssuer): JwtRule {
  const { issuer, audiences, jwks, jwksUri, from = [], forwardToken, claimsToHeaders = {} } = given;
  if ((jwks === undefined) === (jwksUri === undefined)) {
    const both = jwks === undefined ? 'neither is given' : 'both are given';
    throw new Error(`'jwksUri' or 'jwks' must be given for ${issuer}, one of them: ${both}`);
  }
  if (jwksUri !== undefined && !isKeySetUrl(jwksUri)) {
    throw new Error(`'jwksUri' (${jwksUri}) must be an https URL without user, password and fragment`);
  }
  const [problem] = jwks === undefined ? [] : readKeySet(jwks).problems;
  if (problem !== undefined) throw new Error(`'jwks' ${problem}`);
  const places = from.map(({ _places }) => _places);
  const fromHeaders = places.flatMap((place) => place.fromHeaders ?? []);
  const outputs = Object.entries(claimsToHeaders);
  const spots = places.length === 0 ? ['authorization'] : fromHeaders.map(({ name }) => name.toLowerCase());
  const seen = new Set<string>();
  for (const [header] of outputs) {
    const name = header.toLowerCase();
    const taken = spots.includes(name) ? 'must not be a header that tokens stand in' : undefined;
    const twice = seen.has(name) ? 'must not be that of another claim' : undefined;
    const wrong = claimHeaderProblem(header) ?? taken ?? twice;
    if (wrong !== undefined) throw new Error(`'claimsToHeaders' (${header}) ${wrong}`);
    seen.add(name);
  }
  return {
    issuer,
    ...filled('audiences', audiences),
    ...(jwks === undefined ? {} : { jwks }),
    ...(jwksUri === undefined ? {} : { jwksUri }),
    ...filled('fromHeaders', fromHeaders),
    ...filled(
      'fromParams',
      places.flatMap((place) => place.fromParams ?? []),
    ),
    ...filled(
      'fromCookies',
      places.flatMap((place) => place.fromCookies ?? []),
    ),
    ...(forwardToken === undefined ? {} : { forwardOriginalToken: forwardToken }),
    ...filled(
      'outputClaimToHeaders',
      outputs.map(([header, claim]) => ({ header, claim })),
    ),
  };
}

const filled = <T>(name: string, list: readonly T[] | undefined): { readonly [name: string]: readonly T[] } =>
  list === undefined || list.length === 0 ? {} : { [name]: list };

/** In plain text too, which the control plane fetches within networks only that its administrator names. */
function isKeySetUrl(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== 'https:' && url.protocol !== 'http:')) return false;
  return url.username === '' && url.password === '' && url.hash === '' && url.hostname !== '';
}
