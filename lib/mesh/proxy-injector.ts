import { Construct } from 'constructs';
import { settingKey } from '../contract/annotations.ts';
import { meshConfigMap, webhookConfigurationName, webhookSecretName, webhookServiceName } from '../contract/names.ts';
import { meshPorts } from '../contract/ports.ts';
import { deployment, serviceAccount, webhookClients } from './component.ts';
import type { MeshInstall } from './install.ts';
import { keepsSecrets, permissions, watch } from './rbac.ts';
import { service } from './service.ts';
import { mutatingWebhook } from './webhooks.ts';

/** The admission webhook that adds sidecars, and what it may look up for that. */
export class ProxyInjectorComponent extends Construct {
  constructor(scope: Construct, id: string, install: MeshInstall) {
    super(scope, id);
    const name = 'proxy-injector';
    const { config } = install;
    const clients = webhookClients(install);
    serviceAccount(this, name, install);
    permissions(
      this,
      name,
      {
        cluster: [
          { apiGroups: [''], resources: ['events'], verbs: ['create', 'patch'] },
          // One that was made a moment ago is asked for.
          { apiGroups: [''], resources: ['namespaces'], verbs: ['get', ...watch] },
          // Those that were created while it did not answer.
          { apiGroups: [''], resources: ['pods'], verbs: ['list'] },
          // Which Deployment a ReplicaSet is of, and which CronJob a Job.
          { apiGroups: ['apps'], resources: ['replicasets'], verbs: ['get'] },
          { apiGroups: ['batch'], resources: ['jobs'], verbs: ['get'] },
          {
            apiGroups: ['admissionregistration.k8s.io'],
            resources: ['mutatingwebhookconfigurations'],
            resourceNames: [webhookConfigurationName(name, config.meshNamespace)],
            verbs: ['get', 'patch'],
          },
        ],
        namespace: keepsSecrets([webhookSecretName(name)]),
      },
      install,
    );
    service(
      this,
      name,
      {
        name: webhookServiceName(name),
        ports: [{ name: 'https', port: 443, targetPort: meshPorts.proxyInjector }],
        annotations: { [settingKey('opaque-ports')]: '443' },
      },
      install,
    );
    deployment(
      this,
      {
        name,
        settings: install.components.proxyInjector,
        args: [
          `--addr=0.0.0.0:${meshPorts.proxyInjector}`,
          `--admin-addr=0.0.0.0:${meshPorts.proxyInjectorAdmin}`,
          '--config-file=/var/run/tulle/config/values',
          `--mesh-namespace=${config.meshNamespace}`,
          ...clients.args,
        ],
        ports: [{ name: 'https', containerPort: meshPorts.proxyInjector }],
        adminPort: meshPorts.proxyInjectorAdmin,
        webhookPorts: [meshPorts.proxyInjector],
        kubeApi: true,
        volumes: [
          { name: 'config', mountPath: '/var/run/tulle/config', configMap: { name: meshConfigMap } },
          ...clients.volumes,
        ],
        proxy: { opaquePorts: [{ from: meshPorts.proxyInjector, to: meshPorts.proxyInjector }] },
      },
      install,
    );
    mutatingWebhook(this, install);
  }
}
