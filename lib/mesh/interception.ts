/** How connections of meshed pods come to their sidecars, where no workload says otherwise. */
export class Interception {
  /** An init container leads them there, by the pod's own firewall. It needs NET_ADMIN and NET_RAW. */
  static initContainer(): Interception {
    return new Interception('init-container');
  }

  /**
   * Nothing does: Services lead to the sidecars, and applications are told of them by `http_proxy` and `grpc_proxy`. Needs no
   * privilege. The control plane itself, which Services of others' making lead to, goes on intercepting.
   */
  static explicit(): Interception {
    return new Interception('explicit');
  }

  /** @internal */
  readonly _name: 'init-container' | 'explicit';

  private constructor(name: 'init-container' | 'explicit') {
    this._name = name;
  }
}
