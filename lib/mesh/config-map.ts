import { ApiObject } from 'cdk8s';
import { Construct } from 'constructs';
import { controlPlaneNamespaceLabel } from '../contract/labels.ts';
import { meshConfigMap } from '../contract/names.ts';
import type { MeshInstall } from './install.ts';
import { storeInstall } from './stored-install.ts';

/**
 * The values of the install, for the injector and the command line: key `values` is the InjectConfig as JSON, so that
 * whoever injects makes the same pods as the constructs do. Key `install` is what `tulle upgrade` goes on from.
 */
export class ConfigComponent extends Construct {
  constructor(scope: Construct, id: string, install: MeshInstall) {
    super(scope, id);
    const { meshNamespace: namespace } = install.config;
    new ApiObject(this, 'values', {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: meshConfigMap, namespace, labels: { [controlPlaneNamespaceLabel]: namespace } },
      data: {
        values: `${JSON.stringify(install.config, null, 2)}\n`,
        install: `${JSON.stringify(storeInstall(install), null, 2)}\n`,
      },
    });
  }
}
