import type { ApiObject } from 'cdk8s';
import type { IConstruct } from 'constructs';
import { injectManifest } from '../inject/inject-manifest.ts';
import { isRecord, type Manifest } from '../inject/kubernetes.ts';
import { leadToProxy, type SelectablePod, selectablePod } from '../inject/lead-to-proxy.ts';
import { tellOpaquePorts } from '../inject/opaque-services.ts';
import { isList } from '../inject/workload.ts';
import { installationOf } from '../mesh/installation.ts';
import { apiObjects, isKind, mayHavePods, namespacesOf, rendered } from './app-objects.ts';
import { failOnMistakes } from './mistakes.ts';
import { warn } from './warnings.ts';

const following = new WeakSet<ApiObject>();
/** Pods of an app as they are in the synth under way: its Services share the work of rendering them. */
const podsOfApp = new WeakMap<IConstruct, SelectablePod[]>();

/**
 * Has the Services of a workload's app, in whatever chart or List, say which ports of its pods are opaque, and lead to the
 * sidecars of pods in explicit mode. Which Services there are is known only once the whole app stands, and must be known
 * before the first of them is rendered: when validations run.
 */
export function servicesFollow(workload: ApiObject): void {
  workload.node.addValidation({
    validate: () => {
      const { root } = workload.node;
      podsOfApp.delete(root);
      for (const object of apiObjects(root)) {
        if (mayBeService(object) && !following.has(object)) follow(object, root);
      }
      return [];
    },
  });
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
  const found = pods(root);
  const { service: changed, problems } = leadToProxy(tellOpaquePorts(service, found), found);
  failOnMistakes(construct, problems);
  for (const { object, field, message, consequence } of problems) {
    warn(construct, 'TULLE_PROXY_BYPASSED', `${object}: ${field} ${message}; ${consequence}`);
  }
  return changed;
}

function pods(root: IConstruct): SelectablePod[] {
  let found = podsOfApp.get(root);
  if (found === undefined) {
    // A List may hold Services too: rendered for its pods, it asks for them again.
    podsOfApp.set(root, []);
    found = podsOf(root);
    podsOfApp.set(root, found);
  }
  return found;
}

/**
 * Pods as they are rendered, for the webhook tells Services of the opaque ports of the mesh itself. It leads none of them
 * to sidecars, so that pods which it is going to inject in explicit mode have their listeners here already.
 */
function podsOf(root: IConstruct): SelectablePod[] {
  const all = apiObjects(root);
  const config = installationOf(root);
  const namespaces = namespacesOf(rendered(all.filter((object) => isKind(object, 'v1', 'Namespace'))));
  return all.filter(mayHavePods).flatMap((construct) => {
    // Unlike `rendered`: what cannot be rendered fails here, with its own words.
    const manifest: Manifest = construct.toJson();
    return (isList(manifest) ? manifest.items.filter(isRecord) : [manifest]).flatMap((given: Manifest) => {
      const pod = selectablePod(given);
      if (pod === undefined) return [];
      const admitted = selectablePod(injectManifest(given, config, { namespaces }).object);
      return [
        {
          ...pod,
          object: `${pod.object} [${construct.node.path}]`,
          explicitPorts: admitted?.explicitPorts ?? pod.explicitPorts,
        },
      ];
    });
  });
}
