import type { InjectConfig } from '../inject/config.ts';

/** Which annotations of other meshes are obeyed. */
export class Compat {
  /** Only our own. */
  static none(): Compat {
    return new Compat('none');
  }

  /** `linkerd.io/inject` too, so that workloads move over without a change. */
  static linkerd(): Compat {
    return new Compat('linkerd');
  }

  /** @internal */
  readonly _name: InjectConfig['compat'];

  private constructor(name: InjectConfig['compat']) {
    this._name = name;
  }
}
