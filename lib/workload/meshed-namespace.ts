import { ApiObject, Chart } from 'cdk8s';
import { Construct } from 'constructs';
import { injectAnnotation, settingKeys } from '../contract/annotations.ts';
import { settings } from '../inject/annotations.ts';
import { decide, type InjectMode } from '../inject/decision.ts';
import { refusingLevel } from '../inject/pod-security.ts';
import { withoutChartNamespace } from '../mesh/cluster-wide.ts';
import { installationOf } from '../mesh/installation.ts';
import { checkProps } from '../props/check-props.ts';
import { instance, propsOf, type Shape, text } from '../props/form.ts';
import { textsForm } from '../props/object-forms.ts';
import { Injection } from './injection.ts';
import { annotationsOf, type MeshOptions } from './mesh-options.ts';
import { meshOptionsShape } from './mesh-options-shape.ts';
import { PodSecurity } from './pod-security.ts';

export interface MeshedNamespaceProps {
  /**
   * Name of the namespace.
   *
   * @default - the namespace of the chart that it stands in
   */
  readonly name?: string;

  /**
   * Labels besides those of the mesh.
   *
   * @default - none
   */
  readonly labels?: { [name: string]: string };

  /**
   * Annotations besides those of the mesh.
   *
   * @default - none
   */
  readonly annotations?: { [name: string]: string };

  /**
   * What the mesh does for each pod that does not say otherwise: `injection` by the webhook, intercepting, explicit, for
   * ingress controllers or not at all; ports, inbound policy and `proxy`.
   *
   * @default - the webhook adds sidecars, with the settings of the mesh
   */
  readonly mesh?: MeshOptions;

  /**
   * What pods may do.
   *
   * @default - what the cluster says
   */
  readonly podSecurity?: PodSecurity;
}

const shape: Shape<MeshedNamespaceProps> = {
  name: text,
  labels: textsForm,
  annotations: textsForm,
  mesh: propsOf(meshOptionsShape),
  podSecurity: instance(() => PodSecurity),
};

/**
 * A namespace whose pods carry sidecars, whoever makes them: those of others' charts, and those that are made by hand.
 *
 * ```ts
 * new MeshedNamespace(shop, 'namespace', { mesh: { inboundPolicy: InboundPolicy.deny() } });
 * ```
 */
export class MeshedNamespace extends Construct {
  /** Name of the namespace. */
  readonly name: string;

  constructor(scope: Construct, id: string, props: MeshedNamespaceProps = {}) {
    checkProps(shape, props, { scope, id });
    super(scope, id);
    const { mesh = {}, podSecurity, labels, annotations } = props;
    const { _mode: mode } = mesh.injection ?? Injection.webhook();
    this.name = nameOf(props.name ?? Chart.of(this).namespace);
    const said = { [injectAnnotation]: mode, ...annotationsOf(mesh) };
    failOnNoNamespaceOptions(mesh, said);
    failOnTwice('annotations', annotations, said);
    failOnTwice('labels', labels, podSecurity?._labels ?? {});
    new ApiObject(this, 'Resource', {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: {
        name: this.name,
        labels: { ...labels, ...podSecurity?._labels },
        annotations: { ...annotations, ...said },
      },
    });
    withoutChartNamespace(this);
    this.node.addValidation({ validate: () => this.refusedSidecars(mode, podSecurity) });
  }

  /** Whether sidecars intercept may be the word of the mesh, which can be made later. */
  private refusedSidecars(mode: InjectMode | 'disabled', podSecurity: PodSecurity | undefined): string[] {
    if (mode === 'disabled' || !podSecurity || !refusingLevel({ labels: podSecurity._labels })) return [];
    const decision = decide(
      { metadata: { annotations: { [injectAnnotation]: mode } } },
      undefined,
      installationOf(this),
    );
    if (decision.inject && decision.mode === 'explicit') return [];
    return [
      `'podSecurity' (${podSecurity.name}) refuses the init container of sidecars that intercept: ` +
        'take Injection.explicit(), or PodSecurity.privileged()',
    ];
  }
}

function nameOf(name: string | undefined): string {
  if (name === undefined) throw new Error("'name' must be given where the chart has no namespace");
  if (!/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(name)) {
    throw new Error(`'name' (${name}) must be a DNS label: lower-case letters, digits and -, at most 63`);
  }
  return name;
}

/** What is written into manifests of pods, which are not at hand, and what pods do not take from their namespace. */
function failOnNoNamespaceOptions({ injection, networkPolicy }: MeshOptions, said: Record<string, string>): void {
  if (injection?._by === 'static' && injection._mode !== 'explicit') {
    throw new Error(
      "'injection' (static) must not be that of a namespace, whose pods are made elsewhere: take Injection.webhook()",
    );
  }
  if (networkPolicy !== undefined) {
    throw new Error(`'networkPolicy' (${networkPolicy}) must not be that of a namespace: give it to its workloads`);
  }
  const own = settings.find(({ name, inherited }) => !inherited && settingKeys(name).some((key) => key in said));
  if (own !== undefined) {
    throw new Error(`'proxy' has ${own.name}, which pods do not take from their namespace: give it to its workloads`);
  }
}

function failOnTwice(prop: string, given: Record<string, string> = {}, said: Record<string, string>): void {
  const key = Object.keys(given).find((one) => one in said && given[one] !== said[one]);
  if (key === undefined) return;
  throw new Error(
    `'${prop}' has ${key}: ${given[key]}, and the other props say ${said[key]}: leave it out, or say it by those`,
  );
}
