import { ApiObject } from 'cdk8s';
import type { IConstruct } from 'constructs';
import { checkProps } from '../props/check-props.ts';
import { needed } from '../props/form.ts';
import { constructForm } from '../props/object-forms.ts';
import { refuse, whole } from './checks.ts';
import { type Backend, backendOf, MeshService, specOf } from './mesh-service.ts';

/** What a route is of: whose requests it says something about. */
export class RouteParent {
  /** A Service: the route is kept by who calls it. A workload is its Service. Without a port it holds for all of them. */
  static service(service: Backend): RouteParent {
    const called = MeshService._of('parent', service);
    if (called._object && isHeadless(called._object)) {
      refuse('parent', called._text, 'must be a Service with an address: callers of a headless one ask for its pods');
    }
    return new RouteParent('', 'Service', called.name, called);
  }

  /** A Server of the route's namespace: the route is kept by who is called. */
  static server(server: IConstruct | string): RouteParent {
    return new RouteParent('policy.linkerd.io', 'Server', nameOf('Server', server));
  }

  /**
   * An EgressNetwork of the route's namespace: the route is of what leaves the cluster. Routes of the network for all stand in
   * its namespace.
   */
  static egressNetwork(network: IConstruct | string, port: number): RouteParent {
    whole('port', port, 1, 65_535);
    return new RouteParent('policy.linkerd.io', 'EgressNetwork', nameOf('EgressNetwork', network), undefined, port);
  }

  /** The Service, where it is one. @internal */
  readonly _service: MeshService | undefined;
  private readonly group: string;
  private readonly kind: string;
  private readonly name: string;
  private readonly port: number | undefined;

  private constructor(group: string, kind: string, name: string, service?: MeshService, port?: number) {
    this.group = group;
    this.kind = kind;
    this.name = name;
    this._service = service;
    this.port = port;
  }

  /** Whether it is of those who call, so that settings of their tries hold. @internal */
  get _isOutbound(): boolean {
    return this.kind !== 'Server';
  }

  /** As a route of a namespace names it. @internal */
  _reference(namespace: string): Readonly<Record<string, unknown>> {
    const { group, kind, name, port } = this;
    const rest = this._service?._reference(namespace) ?? { name, ...(port === undefined ? {} : { port }) };
    return { group, kind, ...rest };
  }

  /** As a place that a route of a namespace sends to: where the connections were meant to go anyhow. @internal */
  _itself(namespace: string): Readonly<Record<string, unknown>> {
    if (this._service === undefined) return { group: this.group, kind: this.kind, name: this.name };
    return backendOf('parent', this._service)._reference(namespace);
  }
}

/** The name of an object of a kind that a prop `parent` gives, as it is or by its construct. */
function nameOf(kind: 'Server' | 'EgressNetwork', parent: IConstruct | string): string {
  if (typeof parent === 'string') {
    if (!/^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/.test(parent))
      refuse('parent', parent, `must be the name of ${articleOf(kind)}`);
    return parent;
  }
  checkProps({ parent: needed(constructForm) }, { parent });
  const object = ApiObject.of(parent);
  if (object.kind !== kind) refuse('parent', parent.node.path, `must be ${articleOf(kind)}, and is a ${object.kind}`);
  return object.name;
}

const articleOf = (kind: string): string => (kind === 'Server' ? 'a Server' : `an ${kind}`);

const isHeadless = (service: ApiObject): boolean => specOf(service)?.clusterIP === 'None';

/** A prop that says what a route is of. */
export const parentOf = (parent: RouteParent | Backend): RouteParent =>
  parent instanceof RouteParent ? parent : RouteParent.service(parent);
