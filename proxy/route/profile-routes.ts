import { durationMs } from '@bufbuild/protobuf/wkt';
import type { DestinationProfile, RequestMatch, ResponseMatch, Route } from '../../api/gen/destination_pb.js';
import type { RetryBudgetOptions } from '../model/tries.ts';
import type { RequestHead } from '../wire/stream.ts';
import { methodFromApi, type OnUnread, pattern, UnknownMatch } from './matches-from-api.ts';

type FitsRequest = (head: RequestHead) => boolean;
type FitsResponse = (status: number) => boolean;

type ApiRoute = Pick<Route, 'metricsLabels' | 'isRetryable' | 'timeout' | 'responseClasses'>;

/** A route of a service profile. */
export class ProfileRoute {
  /** What metrics say of it, such as `route`, without the `rt_` prefix. */
  readonly labels: Readonly<Record<string, string>>;
  /** Whether requests that fail are tried again, as far as the profile's budget goes. */
  readonly isRetryable: boolean;
  /** From the start of a request to the end of its response, with all tries; undefined: as long as it takes. */
  readonly timeoutMs: number | undefined;
  /** @internal */
  readonly fits: FitsRequest;
  private readonly classes: readonly { readonly fits: FitsResponse; readonly isFailure: boolean }[];

  constructor(fits: FitsRequest, route: ApiRoute) {
    const { metricsLabels, isRetryable, timeout, responseClasses } = route;
    this.labels = metricsLabels;
    this.isRetryable = isRetryable;
    const timeoutMs = timeout === undefined ? 0 : durationMs(timeout);
    this.timeoutMs = timeoutMs > 0 ? timeoutMs : undefined;
    this.fits = fits;
    this.classes = responseClasses.flatMap(({ condition, isFailure }) => {
      const matches = responseFilter(condition);
      return matches === undefined ? [] : [{ fits: matches, isFailure }];
    });
  }

  /** Whether the profile calls a response of this HTTP status a failure; undefined when it does not say. */
  isFailure(status: number): boolean | undefined {
    for (let i = 0; i < this.classes.length; i++) if (this.classes[i].fits(status)) return this.classes[i].isFailure;
    return undefined;
  }
}

/**
 * The routes of a service profile, made ready once for all requests. The first that fits is a request's route; one
 * that fits none is on the default route, which has no labels.
 */
export class ProfileRoutes {
  private readonly routes: readonly ProfileRoute[];
  private readonly fallback = new ProfileRoute(() => true, {
    metricsLabels: {},
    isRetryable: false,
    timeout: undefined,
    responseClasses: [],
  });
  /** What requests go to instead of the service itself, by weight; empty when they go there. */
  readonly overrides: readonly { readonly path: string; readonly weight: number }[];
  /** Of the retries of all routes. */
  readonly budget: RetryBudgetOptions;

  /** Routes whose condition cannot be told are left out, as Linkerd's proxy does; `onUnread` is told why. */
  constructor(
    { routes, dstOverrides, retryBudget }: Pick<DestinationProfile, 'routes' | 'dstOverrides' | 'retryBudget'>,
    onUnread: (route: string, why: string) => void,
  ) {
    this.routes = routes.flatMap((route) => {
      const fits = requestFilter(route.condition, (why) => onUnread(route.metricsLabels.route ?? '', why));
      return fits === undefined ? [] : [new ProfileRoute(fits, route)];
    });
    this.overrides = dstOverrides
      .filter(({ weight }) => weight > 0)
      .map(({ authority, weight }) => ({ path: authority, weight }));
    this.budget = budgetOf(retryBudget);
  }

  find(head: RequestHead): ProfileRoute {
    const { routes } = this;
    for (let i = 0; i < routes.length; i++) if (routes[i].fits(head)) return routes[i];
    return this.fallback;
  }
}

/** Linkerd's, where the profile says nothing (linkerd/service-profiles). */
const defaultBudget: RetryBudgetOptions = { ratio: 0.2, minPerSecond: 10, ttlMs: 10_000 };
const ttlBoundsMs = { min: 100, max: 600_000 };

function budgetOf(budget: DestinationProfile['retryBudget']): RetryBudgetOptions {
  if (budget === undefined) return defaultBudget;
  const { retryRatio, minRetriesPerSecond, ttl } = budget;
  const ttlMs = ttl === undefined ? defaultBudget.ttlMs : durationMs(ttl);
  return {
    ratio: Math.max(0, retryRatio),
    minPerSecond: minRetriesPerSecond,
    ttlMs: Math.min(Math.max(ttlMs, ttlBoundsMs.min), ttlBoundsMs.max),
  };
}

function requestFilter(condition: RequestMatch | undefined, onUnread: OnUnread): FitsRequest | undefined {
  const inner = (each: RequestMatch): FitsRequest | undefined => requestFilter(each, onUnread);
  const match = condition?.match;
  switch (match?.case) {
    case 'all': {
      const filters = match.value.matches.map(inner).filter((filter) => filter !== undefined);
      return (head) => filters.every((fits) => fits(head));
    }
    case 'any': {
      const filters = match.value.matches.map(inner).filter((filter) => filter !== undefined);
      return (head) => filters.some((fits) => fits(head));
    }
    case 'not': {
      const fits = inner(match.value);
      return fits && ((head) => !fits(head));
    }
    case 'path':
      return pathFilter(match.value.regex, onUnread);
    case 'method': {
      const method = known(() => methodFromApi(match.value), onUnread);
      return method === undefined ? undefined : (head) => head.method === method;
    }
    default:
      return undefined;
  }
}

/** The whole path must match, without its query. Most patterns are plain paths with dots escaped: those are compared. */
function pathFilter(regex: string, onUnread: OnUnread): FitsRequest | undefined {
  const text = regex
    .trim()
    .replace(/^\^/, '')
    .replace(/(?<!\\)\$$/, '');
  if (/^(?:[\w/~:@!%,;=&-]|\\[.\-/])*$/.test(text)) {
    const plain = text.replaceAll('\\', '');
    return ({ path }) => path === plain || (path.startsWith(plain) && path.charCodeAt(plain.length) === 0x3f);
  }
  const compiled = known(() => pattern(text), onUnread);
  return compiled && (({ path }) => compiled.test(path.split('?', 1)[0]));
}

function responseFilter(condition: ResponseMatch | undefined): FitsResponse | undefined {
  const match = condition?.match;
  switch (match?.case) {
    case 'all':
    case 'any': {
      const filters = match.value.matches.map(responseFilter).filter((filter) => filter !== undefined);
      if (filters.length === 0) return undefined;
      return match.case === 'all'
        ? (status) => filters.every((fits) => fits(status))
        : (status) => filters.some((fits) => fits(status));
    }
    case 'not': {
      const fits = responseFilter(match.value);
      return fits && ((status) => !fits(status));
    }
    case 'status': {
      const { min, max } = match.value;
      return (status) => status >= min && (max === 0 || status <= max);
    }
    default:
      return undefined;
  }
}

function known<Value>(read: () => Value, onUnread: OnUnread): Value | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof UnknownMatch)) throw error;
    onUnread(error.message);
    return undefined;
  }
}
