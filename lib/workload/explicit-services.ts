import { ApiObject, Chart } from 'cdk8s';
import type { Manifest } from '../inject/kubernetes.ts';
import { leadToProxy, type SelectablePod, selectablePod } from '../inject/lead-to-proxy.ts';
import { failOnMistakes } from './mistakes.ts';

const led = new WeakSet<ApiObject>();
/** Pods of a chart as they are in the synth under way: Services of one chart share the work of rendering them. */
const podsOfChart = new WeakMap<Chart, SelectablePod[]>();

/**
 * Has the Services of a workload's chart lead to the sidecars of pods in explicit mode. Which Services there are is known
 * only once the whole chart stands, and must be known before the first of them is rendered: when validations run.
 */
export function leadServicesOf(workload: ApiObject): void {
  workload.node.addValidation({
    validate: () => {
      const chart = Chart.of(workload);
      podsOfChart.delete(chart);
      for (const object of apiObjects(chart)) {
        if (object.apiVersion === 'v1' && object.kind === 'Service' && !led.has(object)) lead(object, chart);
      }
      return [];
    },
  });
}

function lead(service: ApiObject, chart: Chart): void {
  led.add(service);
  const render: () => Manifest = service.toJson.bind(service);
  service.toJson = () => {
    const { service: changed, problems } = leadToProxy(render(), pods(chart));
    failOnMistakes(service, problems);
    return changed;
  };
}

function pods(chart: Chart): SelectablePod[] {
  let found = podsOfChart.get(chart);
  if (found === undefined) {
    found = apiObjects(chart).flatMap((object) => {
      const isService = object.apiVersion === 'v1' && object.kind === 'Service';
      return isService ? [] : (selectablePod(object.toJson()) ?? []);
    });
    podsOfChart.set(chart, found);
  }
  return found;
}

const apiObjects = (chart: Chart): ApiObject[] =>
  chart.node.findAll().filter((construct): construct is ApiObject => ApiObject.isApiObject(construct));
