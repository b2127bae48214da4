import { Construct } from 'constructs';
import {
  controlPlaneServices,
  statusLease,
  webhookConfigurationName,
  webhookSecretName,
  webhookServiceName,
} from '../contract/names.ts';
import { formatPorts } from '../contract/port-list.ts';
import { meshPorts } from '../contract/ports.ts';
import { allKinds, foreignKinds, groupsOf, type KindSpec, meshKinds, resourcesOf } from '../kinds/index.ts';
import { deployment, serviceAccount, webhookClients } from './component.ts';
import type { MeshInstall } from './install.ts';
import { keepsSecrets, type PolicyRule, permissions, watch } from './rbac.ts';
import { service } from './service.ts';
import { validatingWebhooks } from './webhooks.ts';

const isRead = ({ reads }: KindSpec): boolean => reads !== undefined;

/** What it may do with the kinds of a group: read those that have an effect, and say what became of them. */
function readAndTold(group: string): PolicyRule[] {
  const told = resourcesOf(group, ({ writesStatus }) => writesStatus === true);
  const read = { apiGroups: [group], resources: resourcesOf(group, isRead), verbs: watch };
  const status = told.map((resource) => `${resource}/status`);
  return [read, ...(status.length > 0 ? [{ apiGroups: [group], resources: status, verbs: ['patch'] }] : [])];
}

/** The groups that it reads of: those of Kubernetes itself, the mesh's, and those of others. */
const readGroups = [allKinds.filter(({ builtIn }) => builtIn), meshKinds, foreignKinds].flatMap((some) =>
  groupsOf(some.filter(isRead)).sort(),
);

const validators = ['sp-validator', 'policy-validator'];

/** Tells proxies where Services are and what policy says, and checks what is written about both. */
export class DestinationComponent extends Construct {
  constructor(scope: Construct, id: string, install: MeshInstall) {
    super(scope, id);
    const name = 'destination';
    const { config } = install;
    const clients = webhookClients(install);
    serviceAccount(this, name, install);
    permissions(
      this,
      name,
      {
        cluster: [
          ...readGroups.flatMap(readAndTold),
          {
            apiGroups: ['admissionregistration.k8s.io'],
            resources: ['validatingwebhookconfigurations'],
            resourceNames: validators.map((webhook) => webhookConfigurationName(webhook, config.meshNamespace)),
            verbs: ['get', 'patch'],
          },
        ],
        namespace: [
          // A rule with names cannot allow `create`, since the name is not known to the API server then.
          { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['create'] },
          {
            apiGroups: ['coordination.k8s.io'],
            resources: ['leases'],
            resourceNames: [statusLease],
            verbs: ['get', 'update'],
          },
          ...keepsSecrets(validators.map(webhookSecretName)),
        ],
      },
      install,
    );
    const ports = [{ name: 'grpc', port: meshPorts.destination }];
    service(this, name, { name: 'tulle-dst', ports }, install);
    service(this, name, { name: controlPlaneServices.destination, headless: true, ports }, install);
    service(
      this,
      name,
      { name: controlPlaneServices.policy, headless: true, ports: [{ name: 'grpc', port: meshPorts.policy }] },
      install,
    );
    const webhook = (targetPort: number) => [{ name: 'https', port: 443, targetPort }];
    service(
      this,
      name,
      { name: webhookServiceName('sp-validator'), ports: webhook(meshPorts.serviceProfileValidator) },
      install,
    );
    service(
      this,
      name,
      { name: webhookServiceName('policy-validator'), ports: webhook(meshPorts.policyValidator) },
      install,
    );
    deployment(
      this,
      {
        name,
        settings: install.components.destination,
        args: [
          `--addr=0.0.0.0:${meshPorts.destination}`,
          `--policy-addr=0.0.0.0:${meshPorts.policy}`,
          `--sp-validator-addr=0.0.0.0:${meshPorts.serviceProfileValidator}`,
          `--policy-validator-addr=0.0.0.0:${meshPorts.policyValidator}`,
          `--admin-addr=0.0.0.0:${meshPorts.destinationAdmin}`,
          '--source=kubernetes',
          `--trust-domain=${config.trustDomain}`,
          `--cluster-domain=${config.clusterDomain}`,
          `--mesh-namespace=${config.meshNamespace}`,
          `--egress-namespace=${install.egressNamespace}`,
          ...clients.args,
          `--default-opaque-ports=${formatPorts(config.defaults.opaquePorts)}`,
          `--default-inbound-policy=${config.defaults.inboundPolicy}`,
          `--cluster-networks=${config.clusterNetworks.join(',')}`,
          ...(config.ipv6 ? ['--enable-ipv6=true'] : []),
          ...(install.keyNetworks.length > 0 ? [`--jwks-networks=${install.keyNetworks.join(',')}`] : []),
        ],
        ports: [
          { name: 'grpc', containerPort: meshPorts.destination },
          { name: 'grpc-policy', containerPort: meshPorts.policy },
          { name: 'sp-validator', containerPort: meshPorts.serviceProfileValidator },
          { name: 'policy-https', containerPort: meshPorts.policyValidator },
        ],
        adminPort: meshPorts.destinationAdmin,
        webhookPorts: [meshPorts.serviceProfileValidator, meshPorts.policyValidator],
        calledNetworks: install.keyNetworks,
        kubeApi: true,
        volumes: clients.volumes,
        controlPlane: { destination: `localhost.:${meshPorts.destination}`, policy: `localhost.:${meshPorts.policy}` },
        // Its proxy learns of its pod from the component beside it, so that one may not wait for the proxy.
        proxy: { nativeSidecar: false, await: false },
      },
      install,
    );
    validatingWebhooks(this, install);
  }
}
