import type { Duration } from 'cdk8s';
import { type SessionCarrier, sessionNameProblem, sessionTimeout } from '../contract/session.ts';
import { checkProps } from '../props/check-props.ts';
import { duration, flag, type Shape, text } from '../props/form.ts';
import { check, filled, milliseconds, refuse, routeDuration } from './checks.ts';

export interface SessionsOptions {
  /**
   * Of the cookie or header.
   *
   * @default - one that is the rule's own
   */
  readonly name?: string;

  /**
   * From the beginning of a session to its end, from a second to 400 days.
   *
   * @default - it has none
   */
  readonly timeout?: Duration;
}

export interface CookieSessionsOptions extends SessionsOptions {
  /**
   * Clients keep the cookie until the session ends, also when they are closed meanwhile. Needs a `timeout`.
   *
   * @default false
   */
  readonly permanent?: boolean;
}

const sessions: Shape<SessionsOptions> = { name: text, timeout: duration };
const cookieSessions: Shape<CookieSessionsOptions> = { ...sessions, permanent: flag };

/**
 * Clients of a rule come back to the endpoint that has answered them, as long as that is there: they are told which it is.
 * Needs the experimental channel of the Gateway API in the cluster.
 */
export class Sessions {
  /** They are told by a cookie. */
  static cookie(options: CookieSessionsOptions = {}): Sessions {
    checkProps(cookieSessions, options);
    const { permanent = false, timeout } = options;
    if (permanent && timeout === undefined) {
      refuse('permanent', permanent, "must stand beside a 'timeout': that is how long clients keep it");
    }
    return new Sessions('cookie', options, permanent ? { cookieConfig: { lifetimeType: 'Permanent' } } : {});
  }

  /** They are told by a header of responses, and send the same. */
  static header(options: SessionsOptions = {}): Sessions {
    checkProps(sessions, options);
    return new Sessions('header', options, { type: 'Header' });
  }

  /** @internal */
  readonly _spec: object;

  private constructor(kind: SessionCarrier['kind'], { name, timeout }: SessionsOptions, more: object) {
    if (name !== undefined) check('name', name, sessionNameProblem(kind, name));
    if (timeout !== undefined) {
      const ms = milliseconds('timeout', timeout, sessionTimeout.maxMs);
      if (ms < sessionTimeout.minMs) refuse('timeout', `${ms} ms`, 'must be at least a second');
    }
    const absoluteTimeout = timeout && routeDuration('timeout', timeout);
    this._spec = { ...filled({ sessionName: name, absoluteTimeout }), ...more };
  }
}
