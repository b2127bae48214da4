import { redirectStatuses } from '../../lib/contract/route-filters.ts';
import { Field } from '../wire/field.ts';
import type { RequestHead } from '../wire/stream.ts';
import { Answer, BadFilter, type RequestFilter } from './filter.ts';
import { checkHost, FullPath, type PathModifier, splitQuery } from './path-modifier.ts';
import { prefixMissing } from './unsupported.ts';

export interface RedirectOptions {
  /** `http` or `https`. Default: that of the request. */
  readonly scheme: string | undefined;
  /** Default: that of the request. */
  readonly host: string | undefined;
  /** Default: that of the scheme where one is set, else that of the request. */
  readonly port: number | undefined;
  readonly path: PathModifier | undefined;
  /** Default: 301, as Linkerd's proxy has it. */
  readonly status: number | undefined;
}

const defaultPorts = { http: 80, https: 443 } as const;
const notFound = 5;

/**
 * Answers with another place to ask at (Gateway API, HTTPRequestRedirectFilter). One that would be the place asked at
 * goes on instead, as with Linkerd: the rule fits what it redirects to as well. A redirect of which nothing but the
 * status is set has no other place, and answers: 303 has the client ask again by GET, which another rule may be for.
 */
export class Redirect implements RequestFilter {
  private readonly options: RedirectOptions;
  private readonly status: number;
  private readonly isStatusAlone: boolean;

  /** Throws BadFilter. */
  constructor(options: RedirectOptions) {
    const { scheme, host, port, status = 301 } = options;
    if (scheme !== undefined && !Object.hasOwn(defaultPorts, scheme))
      throw new BadFilter(`a redirect leads to http or https, not to ${JSON.stringify(scheme.slice(0, 200))}`);
    if (host !== undefined) checkHost(host);
    if (port !== undefined && (port < 1 || port > 65_535)) throw new BadFilter(`${port} is no port`);
    if (!redirectStatuses.includes(status)) throw new BadFilter(`${status} is no status of a redirect`);
    this.options = options;
    this.status = status;
    this.isStatusAlone = options.status !== undefined && (scheme ?? host ?? port ?? options.path) === undefined;
  }

  apply(head: RequestHead): RequestHead | Answer {
    const path = this.pathOf(head);
    if (path === undefined) return prefixMissing;
    const scheme = this.options.scheme ?? head.scheme;
    const authority = this.authorityOf(head, scheme);
    const isSame = path === head.path && scheme === head.scheme && authority === head.authority;
    if (isSame && !this.isStatusAlone) return head;
    // A request of HTTP/1.0 may name no host: the client knows whom it asked.
    const location = authority === '' ? path : `${scheme}://${authority}${path}`;
    return new Answer(this.status, notFound, 'redirected', [new Field('location', location)]);
  }

  private pathOf(head: RequestHead): string | undefined {
    const { path: modifier } = this.options;
    if (modifier === undefined || !head.path.startsWith('/')) return head.path;
    const [path, query] = splitQuery(head.path);
    const modified = modifier.apply(path);
    // As with Linkerd's proxy, a whole path takes the place of the query, too.
    return modified === undefined || modifier instanceof FullPath ? modified : modified + query;
  }

  private authorityOf({ authority }: RequestHead, scheme: string): string {
    const { host, port, scheme: written } = this.options;
    if (host === undefined && port === undefined && written === undefined) return authority;
    const [askedHost, askedPort] = splitPort(authority);
    const name = host ?? askedHost;
    const number = port ?? (written === undefined ? askedPort : undefined);
    const isDefault = number === undefined || number === defaultPorts[scheme as keyof typeof defaultPorts];
    return isDefault || name === '' ? name : `${name}:${number}`;
  }
}

/** Host, in brackets where it is an IPv6 address, and port of an authority. */
function splitPort(authority: string): readonly [host: string, port: number | undefined] {
  const colon = authority.lastIndexOf(':');
  if (colon < 0 || authority.endsWith(']')) return [authority, undefined];
  return [authority.slice(0, colon), Number(authority.slice(colon + 1))];
}
