import type { RequestMatch, ResponseClass, ResponseMatch, Route } from '../../api/gen/destination_pb.js';
import type { RequestHead } from '../wire/stream.ts';
import { methodFromApi, type OnUnread, pattern, UnknownMatch } from './matches-from-api.ts';

type FitsRequest = (head: RequestHead) => boolean;
type FitsResponse = (status: number) => boolean;

/** A route of a service profile. */
export class ProfileRoute {
  /** What metrics say of it, such as `route`, without the `rt_` prefix. */
  readonly labels: Readonly<Record<string, string>>;
  /** @internal */
  readonly fits: FitsRequest;
  private readonly classes: readonly { readonly fits: FitsResponse; readonly isFailure: boolean }[];

  constructor(labels: Readonly<Record<string, string>>, fits: FitsRequest, classes: readonly ResponseClass[]) {
    this.labels = labels;
    this.fits = fits;
    this.classes = classes.flatMap(({ condition, isFailure }) => {
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
  private readonly fallback = new ProfileRoute({}, () => true, []);

  /** Routes whose condition cannot be told are left out, as Linkerd's proxy does; `onUnread` is told why. */
  constructor(routes: readonly Route[], onUnread: (route: string, why: string) => void) {
    this.routes = routes.flatMap(({ condition, responseClasses, metricsLabels }) => {
      const fits = requestFilter(condition, (why) => onUnread(metricsLabels.route ?? '', why));
      return fits === undefined ? [] : [new ProfileRoute(metricsLabels, fits, responseClasses)];
    });
  }

  find(head: RequestHead): ProfileRoute {
    const { routes } = this;
    for (let i = 0; i < routes.length; i++) if (routes[i].fits(head)) return routes[i];
    return this.fallback;
  }
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
