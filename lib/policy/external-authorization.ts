import type { Duration } from 'cdk8s';
import type { Construct, IConstruct } from 'constructs';
import { claimHeaderProblem } from '../contract/claim-headers.ts';
import { authorizerTimeoutMs } from '../contract/external-authorization.ts';
import { isRecord } from '../inject/kubernetes.ts';
import { kinds } from '../kinds/index.ts';
import type { ObjectRef } from '../kinds/schema.ts';
import { checkProps } from '../props/check-props.ts';
import { duration, flag, listOf, mapOf, needed, number, type Shape, text } from '../props/form.ts';
import { constructForm } from '../props/object-forms.ts';
import { milliseconds, wholeNumberIn } from './checks.ts';
import { namespaceOf, objectOf, PolicyObject, type PolicyObjectProps, policyShape } from './policy-object.ts';
import { type PolicyTarget, targetForm, targetRef } from './policy-target.ts';

/** How an authorizer is asked. */
export interface AuthorizerOptions {
  /**
   * The port of its Service.
   *
   * @default - the port of the Service, where it has one alone
   */
  readonly port?: number;

  /**
   * How long an answer is waited for, from a millisecond to ten seconds.
   *
   * @default Duration.millis(200)
   */
  readonly timeout?: Duration;

  /**
   * Whether a request is let in of which the authorizer has said nothing in time.
   *
   * @default false
   */
  readonly failOpen?: boolean;

  /**
   * Which headers of requests it is told; of an empty list none.
   *
   * @default - all of them
   */
  readonly includeRequestHeaders?: string[];

  /**
   * Which headers it may set for the application; what clients write there is taken away.
   *
   * @default - none
   */
  readonly headersToBackend?: string[];

  /**
   * Words that it is told with each request.
   *
   * @default - none
   */
  readonly context?: { [name: string]: string };
}

export interface ExternalAuthorizationProps extends PolicyObjectProps, AuthorizerOptions {
  /** Whose requests it is asked about: a Server, or a route of one. */
  readonly target: PolicyTarget | IConstruct;

  /**
   * The Service that is asked: envoy.service.auth.v3.Authorization/Check. One of another namespace needs a ReferenceGrant
   * there.
   */
  readonly authorizer: IConstruct;
}

export const authorizerShape: Shape<AuthorizerOptions> = {
  port: number,
  timeout: duration,
  failOpen: flag,
  includeRequestHeaders: listOf(text),
  headersToBackend: listOf(text),
  context: mapOf(text),
};
const shape: Shape<ExternalAuthorizationProps> = {
  ...policyShape,
  ...authorizerShape,
  target: needed(targetForm),
  authorizer: needed(constructForm),
};

/** Has somebody asked whether a request may come in. */
export class ExternalAuthorization extends PolicyObject {
  constructor(scope: Construct, id: string, props: ExternalAuthorizationProps) {
    checkProps(shape, props, { scope, id });
    const { target, authorizer } = props;
    super(scope, id, kinds.ExternalAuthorization, props, (namespace) =>
      externalAuthorizationSpec(authorizer, props, targetRef(target, namespace, requestTargets), namespace),
    );
  }
}

const requestTargets = [kinds.Server, kinds.PolicyHTTPRoute, kinds.HTTPRoute, kinds.GRPCRoute];

/** The specification of who is asked, in a namespace. Throws for what cannot be meant. */
export function externalAuthorizationSpec(
  authorizer: IConstruct,
  options: AuthorizerOptions,
  target: ObjectRef,
  namespace: string,
): Record<string, unknown> {
  const { timeout, failOpen, includeRequestHeaders, headersToBackend = [], context = {} } = options;
  const ms = milliseconds('timeout', timeout);
  const { least, most } = authorizerTimeoutMs;
  if (ms !== undefined && (ms < least || ms > most)) {
    throw new Error(`'timeout' (${ms}ms) must be from ${least}ms to ${most}ms`);
  }
  const told = includeRequestHeaders?.find((name) => name.toLowerCase().startsWith('l5d-'));
  if (told !== undefined) throw new Error(`'includeRequestHeaders' (${told}) must not begin with l5d-: nobody is told`);
  for (const name of headersToBackend) {
    const problem = claimHeaderProblem(name);
    if (problem !== undefined) throw new Error(`'headersToBackend' (${name}) ${problem}`);
  }
  return {
    targetRef: target,
    backendRef: backendOf(authorizer, options.port, namespace),
    ...(ms === undefined ? {} : { timeout: `${ms}ms` }),
    ...(failOpen === undefined ? {} : { failureMode: failOpen ? 'Open' : 'Closed' }),
    ...(includeRequestHeaders === undefined ? {} : { includeRequestHeaders }),
    ...(headersToBackend.length === 0 ? {} : { headersToBackend }),
    ...(Object.keys(context).length === 0 ? {} : { contextExtensions: context }),
  };
}

function backendOf(authorizer: IConstruct, asked: number | undefined, own: string): Record<string, unknown> {
  const object = objectOf(authorizer, 'authorizer', 'a Service');
  const path = authorizer.node.path;
  if (object.kind !== 'Service') {
    throw new Error(`'authorizer' (${path}, a ${object.kind}) must be a Service: say exposeViaService() of a workload`);
  }
  const { spec } = object.toJson() as { readonly spec?: { readonly ports?: unknown } };
  const ports = (Array.isArray(spec?.ports) ? spec.ports : []).filter(isRecord).map(({ port }) => port);
  const port = wholeNumberIn('port', asked, 1, 65_535) ?? (ports.length === 1 ? ports[0] : undefined);
  if (port === undefined) {
    throw new Error(`'port' must be said of ${path}, which has several (${ports.join(', ')})`);
  }
  if (!ports.includes(port)) throw new Error(`'port' (${port}) must be a port of ${path}: ${ports.join(', ')}`);
  const namespace = namespaceOf(object);
  return { kind: 'Service', name: object.name, ...(namespace === own ? {} : { namespace }), port };
}
