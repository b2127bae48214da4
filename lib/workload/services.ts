import type { ApiObject } from 'cdk8s';
import type { IConstruct } from 'constructs';
import { isRecord, type Manifest } from '../inject/kubernetes.ts';
import { leadToProxy, type SelectablePod, selectablePod } from '../inject/lead-to-proxy.ts';
import { tellOpaquePorts } from '../inject/opaque-services.ts';
import { isList } from '../inject/workload.ts';
import { isKind } from '../validation/manifest-model.ts';
import { AppView } from './app-view.ts';
import { failOnMistakes } from './mistakes.ts';
import { tellTraffic } from './service-traffic.ts';
import { warn } from './warnings.ts';

const following = new WeakSet<ApiObject>();
/** Pods of an app as they are in the synth under way. */
const podsOfView = new WeakMap<AppView, SelectablePod[]>();

/**
 * Has the Services of an app with meshed workloads, in whatever chart or List, say which ports of its pods are opaque, and
 * lead to the sidecars of pods in explicit mode. Which Services there are must be known before the first of them is rendered.
 */
export function servicesFollow(root: IConstruct): void {
  for (const object of AppView.of(root).objects) {
    if (mayBeService(object) && !following.has(object)) follow(object, root);
  }
}

const mayBeService = (object: ApiObject): boolean => isService(object) || object.kind.endsWith('List');
const isService = (object: Manifest | ApiObject): boolean => isKind(object, 'v1', 'Service');

function follow(object: ApiObject, root: IConstruct): void {
  following.add(object);
  const render: () => Manifest = object.toJson.bind(object);
  object.toJson = () => {
    const manifest = render();
    if (!isList(manifest)) return isService(manifest) ? led(manifest, object, root) : manifest;
    const items = manifest.items.map((item) => (isRecord(item) && isService(item) ? led(item, object, root) : item));
    return { ...manifest, items };
  };
}

function led(service: Manifest, construct: ApiObject, root: IConstruct): Manifest {
  const found = podsOf(root);
  const { service: changed, problems } = leadToProxy(tellOpaquePorts(service, found), found);
  failOnMistakes(construct, problems);
  for (const { object, field, message, consequence } of problems) {
    warn(construct, 'TULLE_PROXY_BYPASSED', `${object}: ${field} ${message}; ${consequence}`);
  }
  return tellTraffic(changed, construct);
}

/**
 * Pods as they are rendered, for the webhook tells Services of the opaque ports of the mesh itself. It leads none of them
 * to sidecars, so that pods which it is going to inject in explicit mode have their listeners here already.
 */
function podsOf(root: IConstruct): SelectablePod[] {
  const view = AppView.of(root);
  const known = podsOfView.get(view);
  if (known !== undefined) return known;
  const found = view.pods.flatMap(({ construct, given, manifest }): SelectablePod[] => {
    const pod = selectablePod(given);
    if (pod === undefined) return [];
    const { explicitPorts } = selectablePod(manifest) ?? pod;
    return [{ ...pod, object: `${pod.object} [${construct.node.path}]`, explicitPorts }];
  });
  // While Lists are rendered for their pods, they are none yet.
  if (found.length > 0) podsOfView.set(view, found);
  return found;
}
