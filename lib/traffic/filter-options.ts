import type { Duration } from 'cdk8s';
import { duration, flag, instance, listOf, needed, number, type Shape, text, word } from '../props/form.ts';
import { PathRewrite } from './path-rewrite.ts';

export interface RedirectOptions {
  /**
   * Scheme of the URL that clients are sent to.
   *
   * @default - that of the request
   */
  readonly scheme?: 'http' | 'https';
  /**
   * Host of the URL that clients are sent to.
   *
   * @default - that of the request
   */
  readonly hostname?: string;
  /**
   * Port of the URL that clients are sent to.
   *
   * @default - that of the scheme, where one is given, else that of the request
   */
  readonly port?: number;
  /**
   * Path of the URL that clients are sent to.
   *
   * @default - that of the request
   */
  readonly path?: PathRewrite;
  /**
   * 301, 302, 303, 307 or 308.
   *
   * @default 302
   */
  readonly statusCode?: number;
}

export interface RewriteOptions {
  /**
   * What the application sees as `Host`.
   *
   * @default - that of the request
   */
  readonly hostname?: string;
  /**
   * Path that the request is sent on with.
   *
   * @default - that of the request
   */
  readonly path?: PathRewrite;
}

export interface CorsOptions {
  /** Such as `https://shop.example`, with one `*` at most, or `*` for all. */
  readonly allowOrigins: string[];
  /**
   * Methods that pages may use, or `*` for all.
   *
   * @default - none but those that browsers send without asking
   */
  readonly allowMethods?: string[];
  /**
   * Headers that pages may send, or `*` for all.
   *
   * @default - none but those that browsers send without asking
   */
  readonly allowHeaders?: string[];
  /**
   * Headers of responses that pages may read, or `*` for all.
   *
   * @default - none
   */
  readonly exposeHeaders?: string[];
  /**
   * Whether browsers may send cookies.
   *
   * @default false
   */
  readonly allowCredentials?: boolean;
  /**
   * How long browsers keep what they were told, in whole seconds.
   *
   * @default Duration.seconds(5)
   */
  readonly maxAge?: Duration;
}

export const redirectForm: Shape<RedirectOptions> = {
  scheme: word('http', 'https'),
  hostname: text,
  port: number,
  path: instance(() => PathRewrite),
  statusCode: number,
};
export const rewriteForm: Shape<RewriteOptions> = { hostname: text, path: instance(() => PathRewrite) };
export const corsForm: Shape<CorsOptions> = {
  allowOrigins: needed(listOf(text)),
  allowMethods: listOf(text),
  allowHeaders: listOf(text),
  exposeHeaders: listOf(text),
  allowCredentials: flag,
  maxAge: duration,
};
