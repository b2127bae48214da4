import { ApiObject, type ApiObjectMetadata, type Duration } from 'cdk8s';
import { Construct } from 'constructs';
import { longestDelayMs } from '../contract/faults.ts';
import { grpcErrors } from '../contract/grpc-statuses.ts';
import { checkProps } from '../props/check-props.ts';
import { duration, instance, number, type Shape } from '../props/form.ts';
import { metadataForm } from '../props/object-forms.ts';
import { filled, percent, refuse, routeDuration, whole } from './checks.ts';

/** How a call of gRPC fails. */
export type GrpcFailure = (typeof grpcErrors)[number];

/** What a request is answered, by nobody. */
export class FaultAbort {
  /** A status from 200 to 599, for rules of an HttpRoute. */
  static http(status: number): FaultAbort {
    whole('status', status, 200, 599);
    return new FaultAbort({ httpStatus: status });
  }

  /** A status such as `UNAVAILABLE`, for rules of a GrpcRoute. */
  static grpc(status: GrpcFailure): FaultAbort {
    if (!grpcErrors.includes(status)) refuse('status', status, `must be one of ${grpcErrors.join(', ')}`);
    return new FaultAbort({ grpcStatus: status });
  }

  /** @internal */
  readonly _fields: { readonly httpStatus?: number; readonly grpcStatus?: string };

  private constructor(fields: FaultAbort['_fields']) {
    this._fields = fields;
  }
}

export interface FaultInjectionProps {
  /**
   * Of the object.
   *
   * @default - a name made of the path of the construct
   */
  readonly metadata?: ApiObjectMetadata;

  /**
   * How long a request waits before anything else is done with it, up to an hour.
   *
   * @default - requests do not wait
   */
  readonly delay?: Duration;

  /**
   * Which share of the requests waits, in percent.
   *
   * @default 100
   */
  readonly delayPercent?: number;

  /**
   * What requests are answered, by nobody.
   *
   * @default - requests go on
   */
  readonly abort?: FaultAbort;

  /**
   * Which share of the requests is answered so, in percent, of those that waited as of the others.
   *
   * @default 100
   */
  readonly abortPercent?: number;
}

const shape: Shape<FaultInjectionProps> = {
  metadata: metadataForm,
  delay: duration,
  delayPercent: number,
  abort: instance(() => FaultAbort),
  abortPercent: number,
};

/**
 * Requests that wait, or fail, to see what their clients do then: an object `FaultInjection` (tulle.dev), which holds for the
 * rules that name it by `Filter.fault`, in routes of its own namespace.
 */
export class FaultInjection extends Construct {
  /** The object. */
  readonly apiObject: ApiObject;
  /** Whose routes it can be for; undefined where both are. @internal */
  readonly _protocol: 'http' | 'grpc' | undefined;

  constructor(scope: Construct, id: string, props: FaultInjectionProps) {
    checkProps(shape, props, { scope, id });
    super(scope, id);
    const { delay, abort, delayPercent, abortPercent } = props;
    if (delay === undefined && abort === undefined) refuse('delay', delay, "must be there, or 'abort'");
    if (delay === undefined && delayPercent !== undefined) {
      refuse('delayPercent', delayPercent, "must stand beside a 'delay'");
    }
    if (abort === undefined && abortPercent !== undefined) {
      refuse('abortPercent', abortPercent, "must stand beside an 'abort'");
    }
    const share = (name: string, value: number | undefined) =>
      value === undefined ? {} : { percentage: percent(name, value) };
    this._protocol = abort === undefined ? undefined : abort._fields.grpcStatus === undefined ? 'http' : 'grpc';
    this.apiObject = new ApiObject(this, 'Resource', {
      apiVersion: 'tulle.dev/v1alpha1',
      kind: 'FaultInjection',
      metadata: { ...props.metadata },
      spec: filled({
        delay: delay && {
          fixedDelay: routeDuration('delay', delay, longestDelayMs),
          ...share('delayPercent', delayPercent),
        },
        abort: abort && { ...abort._fields, ...share('abortPercent', abortPercent) },
      }),
    });
  }

  /** The name of the object. */
  get name(): string {
    return this.apiObject.name;
  }
}
