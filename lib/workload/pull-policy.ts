import type { ImagePullPolicy } from '../inject/config.ts';

/** When the image of a container of the mesh is pulled. */
export class PullPolicy {
  /** At each start of a container: a tag that moves is followed. */
  static always(): PullPolicy {
    return new PullPolicy('Always');
  }

  /** Where the node does not have it. */
  static ifNotPresent(): PullPolicy {
    return new PullPolicy('IfNotPresent');
  }

  /** Not at all: the node has it already, or the container does not start. */
  static never(): PullPolicy {
    return new PullPolicy('Never');
  }

  /** As Kubernetes calls it. */
  readonly name: string;

  private constructor(name: ImagePullPolicy) {
    this.name = name;
  }
}
