import { type ApiObject, Chart } from 'cdk8s';
import type { IConstruct } from 'constructs';
import { isRecord } from '../inject/kubernetes.ts';
import { checkProps } from '../props/check-props.ts';
import { either, form, instance, number, type Shape, text } from '../props/form.ts';
import { constructForm } from '../props/object-forms.ts';
import { isLabel, refuse, whole } from './checks.ts';
import { serviceOf } from './service-of.ts';
import { type ServiceSettings, serviceAnnotations } from './settings.ts';
import { serviceSettingsShape } from './settings-shape.ts';

/** A construct of an object: of cdk8s-plus in any version, of Tulle, or an ApiObject. */
export interface IObjectConstruct extends IConstruct {
  /** Of the object: `v1`, `apps/v1`. */
  readonly apiVersion: string;
  /** Of the object: `Service`, `Deployment`. */
  readonly kind: string;
}

/**
 * Where requests can go: a Service, a workload that has one (or is given one, with the ports of its containers), or a
 * `MeshService` for one that is made elsewhere, or has several ports.
 */
export type Backend = MeshService | IObjectConstruct;

export interface MeshServiceOptions {
  /**
   * The port of the Service that requests go to.
   *
   * @default - the port of the Service, where it has one alone
   */
  readonly port?: number;

  /**
   * Of a Service that is named: its namespace.
   *
   * @default - that of the route
   */
  readonly namespace?: string;
}

const optionsShape: Shape<MeshServiceOptions> = { port: number, namespace: text };

const overrideTo = 'override.tulle.dev/to';

/**
 * A Service, and the port of it, that requests go to or are called by.
 *
 * ```ts
 * MeshService.of('orders', { namespace: 'shop', port: 8080 })
 * ```
 */
export class MeshService {
  /**
   * The Service of a construct, or one that is made elsewhere, by its name. Throws when the construct has none or several,
   * or the Service no such port.
   */
  static of(service: Backend | string, options: MeshServiceOptions = {}): MeshService {
    checkProps(optionsShape, options);
    return MeshService._of('service', service, options);
  }

  /** As `of`, for a prop that has another name. @internal */
  static _of(prop: string, service: Backend | string, options: MeshServiceOptions = {}): MeshService {
    if (service instanceof MeshService) return options.port === undefined ? service : service.at(options.port);
    whole('port', options.port, 1, 65_535);
    if (typeof service === 'string') return MeshService._named(service, options);
    if (options.namespace !== undefined) {
      refuse('namespace', options.namespace, 'must be left out: the construct of the Service says where it is');
    }
    const { object, implicit } = serviceOf(prop, service);
    return new MeshService(object.name, Chart.of(object).namespace, object, implicit).at(options.port);
  }

  private static _named(name: string, { namespace, port }: MeshServiceOptions): MeshService {
    if (!isLabel(name)) refuse('name', name, "must be the name of a Service, such as 'orders': its namespace is apart");
    if (namespace !== undefined && !isLabel(namespace)) refuse('namespace', namespace, "must be a name such as 'shop'");
    return new MeshService(name, namespace).at(port);
  }

  /** Its name. */
  readonly name: string;

  /** Its namespace; undefined for that of the route. */
  readonly namespace: string | undefined;

  /** Undefined where it has several, and none was named. */
  readonly port: number | undefined;

  /** Its object in the app. @internal */
  readonly _object: ApiObject | undefined;
  /** The workload that it was made for, since that had none. @internal */
  readonly _implicit: IConstruct | undefined;

  private constructor(name: string, namespace?: string, object?: ApiObject, implicit?: IConstruct, port?: number) {
    this.name = name;
    this.namespace = object?.metadata.namespace ?? namespace;
    this._object = object;
    this._implicit = implicit;
    this.port = port;
  }

  /**
   * Says how all requests of the Service are tried, and among which of its endpoints: as annotations of its object. Throws
   * where that is made elsewhere.
   */
  configure(settings: ServiceSettings): this {
    checkProps(serviceSettingsShape, settings);
    const object = this._object;
    if (object === undefined) refuse('service', this._text, 'must be made in this app: annotate it where it is made');
    for (const [name, value] of Object.entries(serviceAnnotations(settings)))
      object.metadata.addAnnotation(name, value);
    return this;
  }

  /**
   * Requests may ask for these Services in place of it, by a member of their `baggage`. Throws where it is made elsewhere,
   * and for more than 32.
   */
  allowOverrideBy(...services: Backend[]): this {
    const object = this._object;
    if (object === undefined) refuse('service', this._text, 'must be made in this app: annotate it where it is made');
    const own = this._namespaceFor('default');
    const names = services.map((service) => {
      const { name, namespace = own } = MeshService.of(service)._reference(own);
      return namespace === own ? name : `${name}.${namespace}`;
    });
    const known = String(object.metadata.toJson()?.annotations?.[overrideTo] ?? '');
    const all = new Set([...(known === '' ? [] : known.split(',')), ...names]);
    if (all.size > 32) refuse('services', all.size, 'must not be more than 32');
    object.metadata.addAnnotation(overrideTo, [...all].join(','));
    return this;
  }

  /** The namespace that it is in where a route of `own` names it. @internal */
  _namespaceFor(own: string): string {
    return this.namespace ?? (this._object === undefined ? own : 'default');
  }

  /** As the references of a route of a namespace name it. @internal */
  _reference(own: string): { readonly name: string; readonly namespace?: string; readonly port?: number } {
    const namespace = this._namespaceFor(own);
    const port = this.port === undefined ? {} : { port: this.port };
    return { name: this.name, ...(namespace === own ? {} : { namespace }), ...port };
  }

  /** For people: `shop/orders:8080`. @internal */
  get _text(): string {
    return `${this.namespace === undefined ? '' : `${this.namespace}/`}${this.name}${this.port ? `:${this.port}` : ''}`;
  }

  private at(port: number | undefined): MeshService {
    const ports = this._object && portsOf(this._object);
    if (port !== undefined && ports !== undefined && !ports.includes(port)) {
      refuse('port', port, `must be a port of the Service ${this._text}: ${ports.join(', ')}`);
    }
    const sole = ports?.length === 1 ? ports[0] : undefined;
    return new MeshService(this.name, this.namespace, this._object, this._implicit, port ?? this.port ?? sole);
  }
}

/** Whether the construct has a Service, or can be given one, is seen where it is looked for. */
export const backendForm = either(
  form('a Service, or a workload that has one', (value) => constructForm.misfit('', value) === undefined),
  instance(() => MeshService),
);

/** What a Service's object says; undefined while it cannot be rendered, which the synth will tell of. */
export function specOf(service: ApiObject): Readonly<Record<string, unknown>> | undefined {
  try {
    const { spec } = service.toJson();
    return isRecord(spec) ? spec : undefined;
  } catch {
    return undefined;
  }
}

function portsOf(service: ApiObject): number[] | undefined {
  const ports = specOf(service)?.ports;
  return Array.isArray(ports) ? ports.map(({ port }) => Number(port)) : undefined;
}

/** A prop that says where requests go. Throws where no port is known. */
export function backendOf(prop: string, backend: Backend): MeshService {
  const service = MeshService._of(prop, backend);
  if (service.port === undefined) {
    refuse(prop, service._text, `must have a port: MeshService.of(${hint(backend)}, { port: 8080 })`);
  }
  return service;
}

/** Fails where a prop is the same Service as another one. */
export function differ(prop: string, service: MeshService, other: string, from: MeshService): void {
  if (service._text === from._text) refuse(prop, service._text, `must be another Service than '${other}'`);
}

const hint = (backend: Backend): string => (backend instanceof MeshService ? `'${backend.name}'` : backend.node.id);
