import type { RequestHead } from '../wire/stream.ts';
import { type Answer, BadFilter, type RequestFilter } from './filter.ts';
import { checkHost, type PathModifier, splitQuery } from './path-modifier.ts';
import { prefixMissing } from './unsupported.ts';

/** Has a request go on under another host or path; its query stays. */
export class UrlRewrite implements RequestFilter {
  private readonly host: string | undefined;
  private readonly path: PathModifier | undefined;

  /** Throws BadFilter. */
  constructor(host: string | undefined, path: PathModifier | undefined) {
    if (host !== undefined) checkHost(host);
    if (path?.hasQuery) throw new BadFilter('a rewritten path has no query: that of the request stays');
    this.host = host;
    this.path = path;
  }

  apply(head: RequestHead): RequestHead | Answer {
    const { host = head.authority } = this;
    // CONNECT and `OPTIONS *` have no path.
    if (this.path === undefined || !head.path.startsWith('/')) return { ...head, authority: host };
    const [path, query] = splitQuery(head.path);
    const modified = this.path.apply(path);
    return modified === undefined ? prefixMissing : { ...head, authority: host, path: modified + query };
  }
}
