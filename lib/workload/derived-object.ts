import { ApiObject, type ApiObjectMetadata, Lazy } from 'cdk8s';
import type { IConstruct } from 'constructs';
import { AppView } from './app-view.ts';

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
  const { dependencies } = scope.node;
  object.node.addDependency(...dependencies);
  const known = dependantsOf(scope.node.root);
  for (const dependency of dependencies) add(known, dependency, object);
  for (const { node } of known.get(scope) ?? []) node.addDependency(object);
  return object;
}

type Dependants = Map<IConstruct, IConstruct[]>;

/** Who depends on each construct of an app, as the view of the synth under way has found it. */
const dependants = new WeakMap<AppView, Dependants>();

function dependantsOf(root: IConstruct): Dependants {
  const view = AppView.of(root);
  const before = dependants.get(view);
  if (before !== undefined) return before;
  const known: Dependants = new Map();
  for (const construct of root.node.findAll()) {
    for (const dependency of construct.node.dependencies) add(known, dependency, construct);
  }
  dependants.set(view, known);
  return known;
}

function add(known: Dependants, dependency: IConstruct, dependant: IConstruct): void {
  const others = known.get(dependency);
  if (others === undefined) known.set(dependency, [dependant]);
  else others.push(dependant);
}
