import { ApiObject } from 'cdk8s';
import type { Construct } from 'constructs';
import { quantityValue } from '../inject/quantity.ts';
import type { ComponentSettings } from './component-settings.ts';

/** What an autoscaler scales. */
export interface Scaled {
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Whose resources are looked at: those of the sidecar beside it say nothing of the component's load. */
  readonly container: string;
}

/** The HorizontalPodAutoscaler of a component that has one. */
export function autoscaler(scope: Construct, scaled: Scaled, settings: ComponentSettings): void {
  const { autoscaling, replicas, memoryLimit } = settings;
  if (autoscaling === undefined) return;
  const { name, namespace, labels, container } = scaled;
  const { maxReplicas, memoryPercent, cpuPercent } = autoscaling;
  // A percentage would be of the request, and what ends a pod is its limit.
  const averageBytes = Math.floor(((quantityValue(memoryLimit) ?? 0) * memoryPercent) / 100);
  const metric = (resource: string, target: object) => ({
    type: 'ContainerResource',
    containerResource: { name: resource, container, target },
  });
  new ApiObject(scope, 'autoscaler', {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name, namespace, labels },
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name },
      minReplicas: replicas,
      maxReplicas,
      metrics: [
        metric('memory', { type: 'AverageValue', averageValue: `${averageBytes}` }),
        ...(cpuPercent === undefined ? [] : [metric('cpu', { type: 'Utilization', averageUtilization: cpuPercent })]),
      ],
      // Whoever loses its replica connects anew, with all that it follows: so replicas go slowly.
      behavior: { scaleDown: { policies: [{ type: 'Pods', value: 1, periodSeconds: 300 }] } },
    },
  });
}
