import type { ApiObject } from 'cdk8s';
import type { IConstruct } from 'constructs';
import type { Manifest } from '../inject/kubernetes.ts';
import { leadToProxy, type SelectablePod, selectablePod } from '../inject/lead-to-proxy.ts';
import { tellOpaquePorts } from '../inject/opaque-services.ts';
import { apiObjects, mayHavePods } from './app-objects.ts';
import { failOnMistakes } from './mistakes.ts';

const following = new WeakSet<ApiObject>();
/** Pods of an app as they are in the synth under way: its Services share the work of rendering them. */
const podsOfApp = new WeakMap<IConstruct, SelectablePod[]>();

/**
 * Has the Services of a workload's app, in whatever chart, say which ports of its pods are opaque, and lead to the
 * sidecars of pods in explicit mode. Which Services there are is known only once the whole app stands, and must be known
 * before the first of them is rendered: when validations run.
 */
export function servicesFollow(workload: ApiObject): void {
  workload.node.addValidation({
    validate: () => {
      const { root } = workload.node;
      podsOfApp.delete(root);
      for (const object of apiObjects(root)) {
        if (isService(object) && !following.has(object)) follow(object, root);
      }
      return [];
    },
  });
}

function follow(service: ApiObject, root: IConstruct): void {
  following.add(service);
  const render: () => Manifest = service.toJson.bind(service);
  service.toJson = () => {
    const found = pods(root);
    const { service: changed, problems } = leadToProxy(tellOpaquePorts(render(), found), found);
    failOnMistakes(service, problems);
    return changed;
  };
}

function pods(root: IConstruct): SelectablePod[] {
  let found = podsOfApp.get(root);
  if (found === undefined) {
    found = apiObjects(root).flatMap((object) => (mayHavePods(object) ? (selectablePod(object.toJson()) ?? []) : []));
    podsOfApp.set(root, found);
  }
  return found;
}

const isService = ({ apiVersion, kind }: ApiObject): boolean => apiVersion === 'v1' && kind === 'Service';
