import type { Server } from '../kinds/server.ts';
import { type Entry, type KnownObject, type ManifestModel, objectsOf } from './manifest-model.ts';

/** Where requests without the token of an end user are refused. */
export class TokenPorts {
  private readonly targets: ReadonlySet<string>;

  constructor(model: ManifestModel) {
    this.targets = new Set(
      objectsOf(model, 'RequestAuthentication')
        .filter(({ object }) => object.spec.optional !== true)
        .map(({ object, namespace }) => `${namespace}/${object.spec.targetRef.kind}/${object.spec.targetRef.name}`),
    );
  }

  /** Whether a Server wants one, by what is said of it or of its namespace. */
  wantedBy({ namespace, name }: KnownObject<Entry, Server>): boolean {
    return this.targets.has(`${namespace}/Server/${name}`) || this.targets.has(`${namespace}/Namespace/${namespace}`);
  }
}
