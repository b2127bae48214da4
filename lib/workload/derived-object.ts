import { ApiObject, type ApiObjectMetadata, Lazy } from 'cdk8s';

/** What is told of an object that is made during a synth, from what stands beside it. */
export interface DerivedObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ApiObjectMetadata;
  /** Fields besides `spec`; they stay as they are when the object is made. @default - none */
  readonly fields?: Readonly<Record<string, unknown>>;
}

/** Makes an object beneath another one while validations run; `spec` is asked whenever it is rendered. */
export function deriveObject(
  scope: ApiObject,
  id: string,
  { apiVersion, kind, metadata, fields }: DerivedObject,
  spec: (object: ApiObject) => unknown,
): ApiObject {
  const object: ApiObject = new ApiObject(scope, id, {
    apiVersion,
    kind,
    metadata,
    ...fields,
    spec: Lazy.any({ produce: () => spec(object) }),
  });
  // cdk8s has spread the dependencies of constructs over their objects already, and does so anew in the next synth: the order
  // of objects is to be the same in both.
  object.node.addDependency(...scope.node.dependencies);
  for (const { node } of scope.node.root.node.findAll()) {
    if (node.dependencies.includes(scope)) node.addDependency(object);
  }
  return object;
}
