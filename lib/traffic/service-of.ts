import { ApiObject, Chart } from 'cdk8s';
import type { IConstruct } from 'constructs';
import { hasLabels } from '../contract/labels.ts';
import { isRecord, type Manifest } from '../inject/kubernetes.ts';
import { templateAt, templatePath } from '../inject/workload.ts';
import { refuse } from './checks.ts';

interface Exposable extends IConstruct {
  exposeViaService(): IConstruct;
}

/** Services that workloads were given, since they had none. */
const given = new WeakMap<ApiObject, IConstruct>();

/** A Service that leads to a construct. */
export interface FoundService {
  readonly object: ApiObject;
  /** The workload that was given it, since it had none. */
  readonly implicit?: IConstruct;
}

/**
 * The Service that a construct is, or the one that selects its pods in the app as far as it stands. A workload that has none is
 * given one, with the ports of its containers. Throws for several, and for what can have none, which is told of `prop`.
 */
export function serviceOf(prop: string, construct: IConstruct): FoundService {
  const object = objectOf(prop, construct);
  if (isService(object)) return { object };
  const found = servicesOf(construct);
  if (found.length === 1) return { object: found[0], implicit: given.get(found[0]) };
  if (found.length > 1) {
    const paths = found.map(({ node }) => node.path).join(', ');
    refuse(prop, construct.node.path, `must be one Service, and the workload has several: give one of ${paths}`);
  }
  if (!isExposable(construct)) {
    refuse(prop, construct.node.path, `must be a Service, or a workload that has one: this is a ${object.kind}`);
  }
  const made = ApiObject.of(construct.exposeViaService());
  given.set(made, construct);
  return { object: made, implicit: construct };
}

/** The Services that a workload has made; where there are none, those of the app that select its pods. */
function servicesOf(workload: IConstruct): ApiObject[] {
  const made = servicesIn(workload);
  return made.length > 0 ? made : servicesBeside(workload);
}

/** The Services of the app that select the pods of a workload, and that no workload has made. */
function servicesBeside(workload: IConstruct): ApiObject[] {
  const others = servicesIn(workload.node.root).filter((service) => !isMadeByWorkload(service));
  return others.length === 0 ? [] : selecting(workload, others);
}

/**
 * The Services that lead to a workload beside the one that it was given: those that it made later, and those of `others` that
 * select its pods.
 */
export function rivalsOf(workload: IConstruct, service: ApiObject, others: readonly ApiObject[]): ApiObject[] {
  const own = servicesIn(workload).filter((each) => each !== service);
  return others.length === 0 ? own : [...own, ...selecting(workload, others)];
}

/** Those of some Services that select the pods of a workload. */
function selecting(workload: IConstruct, services: readonly ApiObject[]): ApiObject[] {
  const labels = podLabels(workload);
  if (labels === undefined) return [];
  const { namespace } = Chart.of(workload);
  return services.filter((service) => Chart.of(service).namespace === namespace && selects(service, labels));
}

/** Whether a Service is a child of what can have one. */
export const isMadeByWorkload = (service: ApiObject): boolean => service.node.scopes.some(isExposable);

const servicesIn = (scope: IConstruct): ApiObject[] =>
  scope.node.findAll().filter((each): each is ApiObject => ApiObject.isApiObject(each) && isService(each));

function objectOf(prop: string, construct: IConstruct): ApiObject {
  try {
    return ApiObject.of(construct);
  } catch {
    return refuse(prop, construct?.node?.path ?? construct, 'must be a Service, or a workload that has one');
  }
}

const isService = ({ apiVersion, kind }: ApiObject): boolean => apiVersion === 'v1' && kind === 'Service';
const isExposable = (construct: IConstruct): construct is Exposable =>
  typeof (construct as Partial<Exposable>).exposeViaService === 'function';

function podLabels(workload: IConstruct): Readonly<Record<string, string>> | undefined {
  const manifest = rendered(ApiObject.of(workload));
  const path = manifest && templatePath(manifest);
  const template = manifest && path && templateAt(manifest, path);
  const labels = isRecord(template) && isRecord(template.metadata) ? template.metadata.labels : undefined;
  return isRecord(labels) ? (labels as Record<string, string>) : undefined;
}

function selects(service: ApiObject, labels: Readonly<Record<string, string>>): boolean {
  const selector = rendered(service)?.spec?.selector;
  return isRecord(selector) && hasLabels(labels, selector);
}

/** Undefined for what cannot be rendered yet. */
function rendered(object: ApiObject): Manifest | undefined {
  try {
    return object.toJson();
  } catch {
    return undefined;
  }
}
