import { Construct } from 'constructs';
import { statusLease, webhookConfigurationName, webhookSecretName, webhookServiceName } from '../inject/names.ts';
import { formatPorts } from '../inject/ports.ts';
import { deployment, serviceAccount } from './component.ts';
import type { MeshInstall } from './mesh-props.ts';
import { permissions, watch } from './rbac.ts';
import { service } from './service.ts';
import { validatingWebhooks } from './webhooks.ts';

const validators = ['sp-validator', 'policy-validator'];

/** Tells proxies where Services are and what policy says, and checks what is written about both. */
export class DestinationComponent extends Construct {
  constructor(scope: Construct, id: string, install: MeshInstall) {
    super(scope, id);
    const name = 'destination';
    const { config } = install;
    serviceAccount(this, name, install);
    permissions(
      this,
      name,
      {
        cluster: [
          { apiGroups: [''], resources: ['namespaces', 'nodes', 'pods', 'services'], verbs: watch },
          { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: watch },
          { apiGroups: ['linkerd.io'], resources: ['serviceprofiles'], verbs: watch },
          {
            apiGroups: ['policy.linkerd.io'],
            resources: [
              'authorizationpolicies',
              'httproutes',
              'meshtlsauthentications',
              'networkauthentications',
              'serverauthorizations',
              'servers',
            ],
            verbs: watch,
          },
          { apiGroups: ['policy.linkerd.io'], resources: ['httproutes/status'], verbs: ['patch'] },
          { apiGroups: ['gateway.networking.k8s.io'], resources: ['grpcroutes', 'httproutes'], verbs: watch },
          {
            apiGroups: ['gateway.networking.k8s.io'],
            resources: ['grpcroutes/status', 'httproutes/status'],
            verbs: ['patch'],
          },
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
          { apiGroups: [''], resources: ['secrets'], verbs: ['create'] },
          {
            apiGroups: [''],
            resources: ['secrets'],
            resourceNames: validators.map(webhookSecretName),
            verbs: ['get', 'update'],
          },
        ],
      },
      install,
    );
    const ports = [{ name: 'grpc', port: 8086 }];
    service(this, name, { name: 'tulle-dst', ports }, install);
    service(this, name, { name: 'tulle-dst-headless', headless: true, ports }, install);
    service(this, name, { name: 'tulle-policy', headless: true, ports: [{ name: 'grpc', port: 8090 }] }, install);
    const webhook = (targetPort: number) => [{ name: 'https', port: 443, targetPort }];
    service(this, name, { name: webhookServiceName('sp-validator'), ports: webhook(8443) }, install);
    service(this, name, { name: webhookServiceName('policy-validator'), ports: webhook(9443) }, install);
    deployment(
      this,
      {
        name,
        args: [
          '--addr=0.0.0.0:8086',
          '--policy-addr=0.0.0.0:8090',
          '--sp-validator-addr=0.0.0.0:8443',
          '--policy-validator-addr=0.0.0.0:9443',
          '--admin-addr=0.0.0.0:9996',
          '--source=kubernetes',
          `--trust-domain=${config.trustDomain}`,
          `--cluster-domain=${config.clusterDomain}`,
          `--mesh-namespace=${config.meshNamespace}`,
          `--default-opaque-ports=${formatPorts(config.defaults.opaquePorts)}`,
          `--default-inbound-policy=${config.defaults.inboundPolicy}`,
          `--cluster-networks=${config.clusterNetworks.join(',')}`,
          ...(config.ipv6 ? ['--enable-ipv6=true'] : []),
        ],
        ports: [
          { name: 'grpc', containerPort: 8086 },
          { name: 'grpc-policy', containerPort: 8090 },
          { name: 'sp-validator', containerPort: 8443 },
          { name: 'policy-https', containerPort: 9443 },
        ],
        adminPort: 9996,
        webhookPorts: [8443, 9443],
        // It holds the cluster's pods, Services and routes.
        memoryLimit: '1Gi',
        kubeApi: true,
        controlPlane: { destination: 'localhost.:8086', policy: 'localhost.:8090' },
        // Its proxy learns of its pod from the component beside it, so that one may not wait for the proxy.
        proxy: { nativeSidecar: false, await: false },
      },
      install,
    );
    validatingWebhooks(this, install);
  }
}
