import type { Duration } from 'cdk8s';
import { type AffinitySetting, affinityLoad, affinityProblem } from '../contract/affinity.ts';
import { checkProps } from '../props/check-props.ts';
import { duration, needed, number, type Shape, text } from '../props/form.ts';
import { annotationDuration, check, filled, milliseconds, refuse } from './checks.ts';

export interface AffinityOptions {
  /**
   * The most requests of one endpoint in relation to those of all, from 1 to 100: above it, requests go to another.
   *
   * @default - no bound
   */
  readonly maxLoad?: number;
}

export interface CookieAffinityOptions extends AffinityOptions {
  /**
   * A request that lacks the cookie is given one for so long.
   *
   * @default - it is given none
   */
  readonly ttl?: Duration;

  /**
   * Where a cookie that is given is sent back to. Needs a `ttl`.
   *
   * @default - the path of the request
   */
  readonly path?: string;
}

const affinity: Shape<AffinityOptions> = { maxLoad: number };
const cookieAffinity: Shape<CookieAffinityOptions> = { ...affinity, ttl: duration, path: text };

/** By what requests are known to belong together: those that have the same of it go to the same endpoint. */
export class Affinity {
  /** The value of a header. */
  static header(name: string, options: AffinityOptions = {}): Affinity {
    checkProps({ name: needed(text) }, { name });
    checkProps(affinity, options);
    return new Affinity({ kind: 'header', name: name.toLowerCase() }, `header:${name.toLowerCase()}`, options);
  }

  /** The value of a cookie, which can be given to those who have none. */
  static cookie(name: string, options: CookieAffinityOptions = {}): Affinity {
    checkProps({ name: needed(text) }, { name });
    checkProps(cookieAffinity, options);
    const { ttl, path } = options;
    if (path !== undefined && ttl === undefined)
      refuse('path', path, "must stand beside a 'ttl': it is of given cookies");
    const ttlMs = ttl && milliseconds('ttl', ttl);
    const parts = [`cookie:${name}`, ttl && `ttl=${annotationDuration('ttl', ttl)}`, path && `path=${path}`];
    return new Affinity({ kind: 'cookie', name, ttlMs, path }, parts.filter((part) => part).join(';'), options);
  }

  /** The value of a parameter of the query. */
  static query(name: string, options: AffinityOptions = {}): Affinity {
    checkProps({ name: needed(text) }, { name });
    checkProps(affinity, options);
    return new Affinity({ kind: 'query', name }, `query:${name}`, options);
  }

  /** The address of the client. */
  static sourceIp(options: AffinityOptions = {}): Affinity {
    checkProps(affinity, options);
    return new Affinity({ kind: 'source' }, 'source-ip', options);
  }

  private readonly text: string;
  private readonly maxLoad: number | undefined;

  private constructor(setting: AffinitySetting, text: string, { maxLoad }: AffinityOptions) {
    check('affinity', text, affinityProblem(setting));
    if (maxLoad !== undefined && !(maxLoad >= affinityLoad.min && maxLoad <= affinityLoad.max)) {
      refuse('maxLoad', maxLoad, `must be a number from ${affinityLoad.min} to ${affinityLoad.max}`);
    }
    this.text = text;
    this.maxLoad = maxLoad;
  }

  /** @internal */
  _annotations(): Record<string, string> {
    return filled({
      'balancer.tulle.dev/affinity': this.text,
      'balancer.tulle.dev/affinity-max-load': this.maxLoad?.toString(),
    }) as Record<string, string>;
  }
}
