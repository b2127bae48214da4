import { checkProps } from '../props/check-props.ts';
import { needed, text } from '../props/form.ts';
import * as values from '../workload/option-values.ts';

/** An image of linkerd2-proxy, as installs keep it. */
export interface ForeignProxy {
  /** Without its tag. */
  readonly image: string;
  readonly version: string;
}

/** The program that carries the calls of meshed workloads: both speak the same API with the control plane. */
export class DataPlane {
  /** The mesh's own proxy, which does all that this mesh knows. */
  static tulle(): DataPlane {
    return new DataPlane(undefined);
  }

  /**
   * Linkerd's proxy, in Rust, from an image of Linkerd's with its tag: `cr.l5d.io/linkerd/proxy:edge-26.11.1`. Its pods are
   * still redirected by the mesh's own init container. It does what Linkerd's does: what else this mesh knows, tokens of end
   * users, authorizers, hedging and the like, is not done, and said at synth. The control plane's pods, and those of explicit
   * mode, which Linkerd's proxy has not, go on with the mesh's own.
   */
  static linkerd2(image: string): DataPlane {
    checkProps({ image: needed(text) }, { image });
    const tagAt = image.indexOf(':', image.lastIndexOf('/'));
    if (tagAt < 0) {
      throw new Error(`'image' (${image}) must have a tag: cr.l5d.io/linkerd/proxy:edge-26.11.1`);
    }
    const [name, version] = [image.slice(0, tagAt), image.slice(tagAt + 1)];
    values.image('image', name);
    values.tag('image', version);
    return new DataPlane({ image: name, version });
  }

  /** Undefined for the mesh's own. @internal */
  readonly _linkerd2: ForeignProxy | undefined;

  private constructor(linkerd2: ForeignProxy | undefined) {
    this._linkerd2 = linkerd2;
  }
}
