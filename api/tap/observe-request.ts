import { create } from '@bufbuild/protobuf';
import {
  type HttpMethod,
  HttpMethod_Registered,
  HttpMethodSchema,
  type Scheme,
  Scheme_Registered,
  SchemeSchema,
} from '../gen/http_types_pb.js';
import {
  type ObserveRequest,
  type ObserveRequest_Match,
  ObserveRequest_MatchSchema,
  ObserveRequestSchema,
} from '../gen/tap_pb.js';
import type {
  Resource,
  TapByResourceRequest,
  TapByResourceRequest_Match,
  TapByResourceRequest_Match_Http,
} from '../gen/viz_tap_pb.js';
import { maxBodyBytes } from './body-limit.ts';

/** A request that nobody could tap by: `message` says what is wrong with it. */
export class BadTapRequest extends Error {}

const maxDepth = 8;

/** What proxies are asked for, for what the tap component is asked for; `limit` is set for each of them. */
export function observeRequest(request: TapByResourceRequest): Omit<ObserveRequest, 'limit'> {
  const { match, extract, options, bodyBytes } = request;
  if (bodyBytes > maxBodyBytes) throw new BadTapRequest(`body_bytes must be ${maxBodyBytes} at most`);
  const headers = extract?.extract.case === 'http' && extract.extract.value.extract.case === 'headers';
  return create(ObserveRequestSchema, {
    match: match === undefined ? everything : matchOf(match, 1),
    extract: {
      extract: { case: 'http', value: headers ? { extract: { case: 'headers', value: {} } } : {} },
    },
    options,
    bodyBytes,
  });
}

const everything = create(ObserveRequest_MatchSchema, { match: { case: 'all', value: { matches: [] } } });

function matchOf({ match }: TapByResourceRequest_Match, depth: number): ObserveRequest_Match {
  if (depth > maxDepth) throw new BadTapRequest(`a match of more than ${maxDepth} levels`);
  const made = (kind: ObserveRequest_Match['match']): ObserveRequest_Match =>
    create(ObserveRequest_MatchSchema, { match: kind } as never);
  const seq = (of: readonly TapByResourceRequest_Match[]) => ({ matches: of.map((part) => matchOf(part, depth + 1)) });
  switch (match.case) {
    case 'all':
    case 'any':
      return made({ case: match.case, value: seq(match.value.matches) } as never);
    case 'not':
      return made({ case: 'not', value: matchOf(match.value, depth + 1) });
    case 'destinations':
      return destinations(match.value.resource);
    case 'http':
      return made({ case: 'http', value: httpMatch(match.value) } as never);
    case 'more':
      return made({ case: 'more', value: match.value });
    default:
      throw new BadTapRequest('a match of no kind');
  }
}

/** Endpoints of what is named, by their labels. */
function destinations(resource: Resource | undefined): ObserveRequest_Match {
  if (resource === undefined || resource.type === '') throw new BadTapRequest('a destination of no kind');
  const labels: [key: string, value: string][] = [];
  const isNamespace = resource.type === 'namespace';
  if (resource.name !== '') labels.push([destinationLabel(resource.type), resource.name]);
  if (!isNamespace && resource.namespace !== '') labels.push(['namespace', resource.namespace]);
  return create(ObserveRequest_MatchSchema, {
    match: {
      case: 'all',
      value: {
        matches: labels.map(([key, value]) => ({
          match: { case: 'destinationLabel' as const, value: { key, value } },
        })),
      },
    },
  });
}

/** The label of endpoints that has the name of what is of `kind`: Prometheus has a `job` of its own. */
export const destinationLabel = (kind: string): string => (kind === 'job' ? 'k8s_job' : kind);

function httpMatch({ match }: TapByResourceRequest_Match_Http) {
  switch (match.case) {
    case 'scheme':
      return { match: { case: 'scheme' as const, value: schemeOf(match.value) } };
    case 'method':
      return { match: { case: 'method' as const, value: methodOf(match.value) } };
    case 'authority':
      return {
        match: { case: 'authority' as const, value: { match: { case: 'exact' as const, value: match.value } } },
      };
    case 'path':
      return { match: { case: 'path' as const, value: { match: { case: 'prefix' as const, value: match.value } } } };
    default:
      throw new BadTapRequest('an HTTP match of no kind');
  }
}

function schemeOf(text: string): Scheme {
  const registered = Scheme_Registered[text.toUpperCase() as keyof typeof Scheme_Registered];
  return create(SchemeSchema, {
    type: registered === undefined ? { case: 'unregistered', value: text } : { case: 'registered', value: registered },
  });
}

/** Methods are told apart by case, but nobody who writes `get` means anything but GET. */
function methodOf(text: string): HttpMethod {
  const registered = HttpMethod_Registered[text.toUpperCase() as keyof typeof HttpMethod_Registered];
  return create(HttpMethodSchema, {
    type: registered === undefined ? { case: 'unregistered', value: text } : { case: 'registered', value: registered },
  });
}
