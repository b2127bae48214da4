import { corsNameProblem, corsOriginProblem } from '../../lib/contract/route-filters.ts';
import { Field, fieldValue } from '../wire/field.ts';
import { withFields } from '../wire/heads.ts';
import type { RequestHead, ResponseHead } from '../wire/stream.ts';
import { Answer, BadFilter, type RequestFilter, type ResponseFilter } from './filter.ts';
import { written } from './header-modifier.ts';

export interface CorsOptions {
  /** `*`, or `<scheme>://<host>(:<port>)`, where a `*` in the host stands for any number of labels. None allows none. */
  readonly allowOrigins: readonly string[];
  readonly allowCredentials: boolean;
  /** `*` alone is any, here and below. */
  readonly allowMethods: readonly string[];
  readonly allowHeaders: readonly string[];
  readonly exposeHeaders: readonly string[];
  /** How long a client may keep what a preflight was answered, in seconds. */
  readonly maxAgeSeconds: number;
}

type FitsOrigin = (origin: string) => boolean;

const any = '*';
const vary = written({ name: 'vary', value: 'origin' });
const allowsCredentials = written({ name: 'access-control-allow-credentials', value: 'true' });
const allowsAnyOrigin = written({ name: 'access-control-allow-origin', value: any });
/** What a backend says of itself, where it is for the filter to say. */
const replaced = new Set([
  'access-control-allow-origin',
  'access-control-allow-credentials',
  'access-control-expose-headers',
]);

/**
 * Tells browsers which sites may use what is served here (Gateway API, HTTPCORSFilter). Preflights are answered and go
 * no further, those of sites that may not without a word that they may. What a request is refused with, too, may be read by
 * the sites that may read what it asked for.
 */
export class Cors implements RequestFilter, ResponseFilter {
  readonly permits = true;
  private readonly options: CorsOptions;
  private readonly origins: readonly FitsOrigin[];
  private readonly anyOrigin: boolean;
  private readonly methods: Field | undefined;
  private readonly headers: Field | undefined;
  private readonly maxAge: Field;
  /** Written into each response that is for a site that may have it. */
  private readonly ofResponse: readonly Field[];

  /** Throws BadFilter. */
  constructor(options: CorsOptions) {
    const { allowOrigins, allowCredentials, allowMethods, allowHeaders, exposeHeaders, maxAgeSeconds } = options;
    this.options = options;
    this.origins = allowOrigins.map(originFits);
    this.anyOrigin = allowOrigins.includes(any);
    this.methods = listed('access-control-allow-methods', allowMethods, allowCredentials);
    this.headers = listed('access-control-allow-headers', allowHeaders, allowCredentials);
    this.maxAge = written({ name: 'access-control-max-age', value: String(maxAgeSeconds) });
    const exposed = listed('access-control-expose-headers', exposeHeaders, allowCredentials);
    this.ofResponse = [...(allowCredentials ? [allowsCredentials] : []), ...(exposed === undefined ? [] : [exposed])];
  }

  apply(head: RequestHead): RequestHead | Answer;
  apply(head: ResponseHead, asked: RequestHead): ResponseHead;
  apply(head: RequestHead | ResponseHead, asked?: RequestHead): RequestHead | ResponseHead | Answer {
    return 'method' in head ? this.answer(head) : this.permit(head, asked as RequestHead);
  }

  answers(head: RequestHead): boolean {
    return head.method === 'OPTIONS' && this.answer(head) instanceof Answer;
  }

  private answer(head: RequestHead): RequestHead | Answer {
    if (head.method !== 'OPTIONS') return head;
    const origin = fieldValue(head.fields, 'origin');
    const method = fieldValue(head.fields, 'access-control-request-method');
    if (origin === undefined || method === undefined) return head;
    return new Answer(200, 0, '', this.isAllowed(origin) ? this.permission(origin, method, head) : [vary]);
  }

  private permission(origin: string, method: string, { fields }: RequestHead): readonly Field[] {
    const { allowMethods, allowHeaders } = this.options;
    const headers = fieldValue(fields, 'access-control-request-headers');
    const permission = [...this.origin(origin), ...this.ofResponse, this.maxAge];
    if (this.methods !== undefined) permission.push(this.methods);
    else if (allowMethods.includes(any)) permission.push(new Field('access-control-allow-methods', method));
    if (this.headers !== undefined) permission.push(this.headers);
    else if (allowHeaders.includes(any) && headers !== undefined)
      permission.push(new Field('access-control-allow-headers', headers));
    return permission;
  }

  private permit(head: ResponseHead, asked: RequestHead): ResponseHead {
    const origin = fieldValue(asked.fields, 'origin');
    if (origin === undefined) return head;
    // An answer to a preflight has been permitted already.
    const fields = head.fields.filter((field) => field !== vary && !replaced.has(field.name));
    if (this.isAllowed(origin)) fields.push(...this.origin(origin), ...this.ofResponse);
    else if (!this.anyOrigin) fields.push(vary);
    return withFields(head, fields);
  }

  /** With credentials a `*` is no permission: the origin itself is told then. */
  private origin(origin: string): Field[] {
    if (this.anyOrigin && !this.options.allowCredentials) return [allowsAnyOrigin];
    return [new Field('access-control-allow-origin', origin), vary];
  }

  private isAllowed(origin: string): boolean {
    const normal = normalOrigin(origin.toLowerCase());
    return this.origins.some((fits) => fits(normal));
  }
}

/** Undefined where nothing is listed, or where anything is and `*` would be no permission. */
function listed(name: string, values: readonly string[], allowCredentials: boolean): Field | undefined {
  if (values.length === 0) return undefined;
  if (values.includes(any)) return allowCredentials ? undefined : written({ name, value: any });
  for (const value of values) {
    const problem = corsNameProblem(value);
    if (problem !== undefined) throw new BadFilter(`${JSON.stringify(value.slice(0, 100))} in ${name} ${problem}`);
  }
  return written({ name, value: values.join(', ') });
}

/** Throws BadFilter. */
function originFits(text: string): FitsOrigin {
  if (text === any) return () => true;
  const normal = normalOrigin(text.toLowerCase());
  const problem = corsOriginProblem(text);
  if (problem !== undefined) throw new BadFilter(`the origin ${JSON.stringify(text.slice(0, 100))} ${problem}`);
  const at = normal.indexOf('*');
  if (at < 0) return (origin) => origin === normal;
  const [head, tail] = [normal.slice(0, at), normal.slice(at + 1)];
  return (origin) =>
    origin.length > head.length + tail.length &&
    origin.startsWith(head) &&
    origin.endsWith(tail) &&
    // Nothing that would make another host or port of it.
    /^[a-z0-9.\-_]+$/.test(origin.slice(head.length, origin.length - tail.length));
}

/** Without the port that its scheme has anyway. */
function normalOrigin(origin: string): string {
  if (origin.startsWith('http://') && origin.endsWith(':80')) return origin.slice(0, -3);
  return origin.startsWith('https://') && origin.endsWith(':443') ? origin.slice(0, -4) : origin;
}
