import { ApiObject, type ApiObjectMetadata, Chart, Lazy } from 'cdk8s';
import { Construct, type IConstruct } from 'constructs';
import type { KindSpec } from '../kinds/definition.ts';
import { Problems } from '../kinds/problems.ts';
import { checkStructure } from '../kinds/structural-check.ts';
import type { Shape } from '../props/form.ts';
import { metadataForm } from '../props/object-forms.ts';

/** What every object of policy takes. */
export interface PolicyObjectProps {
  /**
   * Metadata of the object.
   *
   * @default - a name made of the path of the construct, in the namespace of its chart
   */
  readonly metadata?: ApiObjectMetadata;
}

/** What every object of policy takes. */
export const policyShape: Shape<PolicyObjectProps> = { metadata: metadataForm };

/** An object of policy. */
export abstract class PolicyObject extends Construct {
  /** The object as it is synthesized. */
  readonly apiObject: ApiObject;

  /** @internal */
  protected constructor(
    scope: Construct,
    id: string,
    kind: KindSpec,
    { metadata }: PolicyObjectProps,
    spec: (namespace: string) => Record<string, unknown>,
  ) {
    super(scope, id);
    const apiVersion = `${kind.group}/${kind.versions[0].name}`;
    const namespace = metadata?.namespace ?? Chart.of(this).namespace ?? 'default';
    const produce = () => checkedSpec(kind, spec(namespace));
    // What is wrong is told where it is written; what is added later, when it is rendered.
    produce();
    this.apiObject = new ApiObject(this, 'Resource', {
      apiVersion,
      kind: kind.kind,
      metadata,
      spec: Lazy.any({ produce }),
    });
  }

  /** Name of the object. */
  get name(): string {
    return this.apiObject.name;
  }

  /** Namespace of the object. */
  get namespace(): string {
    return namespaceOf(this.apiObject);
  }
}

/** A specification as the definition of its kind has it. Throws with the field, its value and the rule that it breaks. */
export function checkedSpec(kind: KindSpec, spec: Record<string, unknown>): Record<string, unknown> {
  const problems = new Problems();
  // Fields that are left out are there without a value until they are rendered.
  const plain = JSON.parse(JSON.stringify(spec)) as Record<string, unknown>;
  checkStructure(kind, { apiVersion: kind.versions[0].name, spec: plain }, problems);
  if (problems.list.length > 0) throw new Error(`${kind.kind}: ${problems.list.join('; ')}`);
  return plain;
}

/** The namespace that an object is in. */
export const namespaceOf = (object: ApiObject): string =>
  object.metadata.namespace ?? Chart.of(object).namespace ?? 'default';

/** The object of a construct. Throws for one that has none, which `prop` was given. */
export function objectOf(construct: IConstruct, prop: string, what: string): ApiObject {
  try {
    return ApiObject.of(construct);
  } catch {
    throw new Error(`'${prop}' (${construct.node?.path ?? String(construct)}) must be ${what}`);
  }
}
