import type { InjectMode } from '../inject/decision.ts';

/** How a workload gets its sidecar. */
export class Injection {
  /** The admission webhook of the mesh adds the sidecar in the cluster; the manifest only asks for it. */
  static webhook(): Injection {
    return new Injection('webhook', 'enabled');
  }

  /** The sidecar is written into the manifest at synth, for clusters without the webhook. */
  static static(): Injection {
    return new Injection('static', 'enabled');
  }

  /**
   * Written at synth like `static()`, without interception: no init container and no privilege; applications are
   * told of the proxy by `http_proxy` and `grpc_proxy`. Runs under PodSecurity `restricted`. Services of the same app
   * lead to the sidecars; a Service elsewhere must name `tulle-in-<port>` as its target port.
   */
  static explicit(): Injection {
    return new Injection('static', 'explicit');
  }

  /** For ingress controllers: the proxy routes by the `Host` of requests. The webhook adds the sidecar. */
  static ingress(): Injection {
    return new Injection('webhook', 'ingress');
  }

  /** No sidecar, even when the namespace asks for one. */
  static disabled(): Injection {
    return new Injection('webhook', 'disabled');
  }

  /** @internal */
  readonly _by: 'webhook' | 'static';
  /** @internal Value of the annotation `tulle.dev/inject`. */
  readonly _mode: InjectMode | 'disabled';

  private constructor(by: 'webhook' | 'static', mode: InjectMode | 'disabled') {
    this._by = by;
    this._mode = mode;
  }
}
