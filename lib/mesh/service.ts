import { ApiObject } from 'cdk8s';
import type { Construct } from 'constructs';
import { componentLabels } from './component.ts';
import type { MeshInstall } from './install.ts';

export interface ComponentService {
  /** Well-known: proxies and webhooks dial it. */
  readonly name: string;
  readonly ports: readonly { readonly name: string; readonly port: number; readonly targetPort?: number }[];
  /** Headless, so that proxies see every replica and balance over them. */
  readonly headless?: boolean;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** A Service in front of a component. The construct's id is the Service's name. */
export function service(scope: Construct, component: string, spec: ComponentService, install: MeshInstall): ApiObject {
  const labels = componentLabels(component, install);
  return new ApiObject(scope, spec.name, {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name: spec.name,
      namespace: install.config.meshNamespace,
      labels,
      ...(spec.annotations ? { annotations: { ...spec.annotations } } : {}),
    },
    spec: {
      ...(spec.headless ? { clusterIP: 'None' } : { type: 'ClusterIP' }),
      selector: labels,
      ports: spec.ports.map(({ name, port, targetPort = port }) => ({ name, port, targetPort })),
    },
  });
}
