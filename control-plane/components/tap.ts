import type { Logger } from 'pino';
import { Registry } from 'prom-client';
import type { SidecarAddress } from '../../api/tap/sidecar-connection.ts';
import { tapApiService, webhookSecretName, webhookServiceName } from '../../lib/contract/names.ts';
import { meshPorts } from '../../lib/contract/ports.ts';
import type { Pod } from '../../lib/kinds/pod.ts';
import { tapPort } from '../cluster/pod-facts.ts';
import type { KubernetesApi } from '../kubernetes/api.ts';
import { connectToCluster } from '../kubernetes/connect.ts';
import { Poll } from '../polling/poll.ts';
import { type Component, startComponent } from '../serving/component.ts';
import type { FlagReader, Flags } from '../serving/flags.ts';
import { KubernetesSource } from '../sources/kubernetes-source.ts';
import { readRequestHeaderAuth, requestHeaderConfigMap } from '../tap/request-header.ts';
import { TapMetrics } from '../tap/tap-metrics.ts';
import { TapServer } from '../tap/tap-server.ts';
import { TappedPods } from '../tap/tapped-pods.ts';
import { ServingCertificate } from '../webhook/serving-certificate.ts';
import { WebhookMetrics } from '../webhook/webhook-metrics.ts';

/** A renewal takes looks at the Secret and waits for API servers: some 10 s in all. */
const minLifetimeMs = 60_000;
/** The API server's certificate changes seldom, and its authorities hardly ever. */
const authIntervalMs = 30_000;

export const tapFlags = {
  addr: { type: 'string' },
  'admin-addr': { type: 'string' },
  'mesh-namespace': { type: 'string' },
  kubeconfig: { type: 'string' },
  /** Names that API servers dial besides that of the Service. */
  'webhook-names': { type: 'string' },
  'certificate-lifetime': { type: 'string' },
} as const;

function tapSettings(flags: FlagReader) {
  return {
    address: flags.address('addr', `0.0.0.0:${meshPorts.tap}`),
    admin: flags.address('admin-addr', `0.0.0.0:${meshPorts.tapAdmin}`),
    meshNamespace: flags.dnsName('mesh-namespace', 'tulle'),
    kubeconfig: flags.optional('kubeconfig'),
    extraNames: flags.list('webhook-names', ''),
    lifetimeMs: flags.durationMs('certificate-lifetime', '365d', minLifetimeMs),
  };
}

/** Starts the tap component: the cluster's API by which users look at requests as they pass sidecars. */
export async function startTap(flags: Flags, log: Logger): Promise<Component> {
  const { address, admin, meshNamespace, kubeconfig, extraNames, lifetimeMs } = flags.read(tapSettings);
  const registry = new Registry();
  const client = await connectToCluster({
    kubeconfig,
    env: process.env,
    onProblem: (problem) => log.error({ problem }, 'credentials cannot be read'),
    userAgent: 'tulle-tap',
  });
  const source = new KubernetesSource({ client, log, registry, now: Date.now, random: Math.random });
  const pods = new TappedPods(source);
  let synced = false;
  void source.synced.then(() => {
    synced = true;
  });
  const server = new TapServer({ api: client, pods, addressOf, log, metrics: new TapMetrics(registry) });
  const auth = followAuth(client, server, log);
  const name = 'tap';
  const certificate = new ServingCertificate({
    name,
    server,
    api: client,
    secret: { namespace: meshNamespace, name: webhookSecretName(name) },
    configuration: { kind: 'APIService', name: tapApiService },
    dnsNames: [`${webhookServiceName(name)}.${meshNamespace}.svc`, ...extraNames],
    lifetimeMs,
    nowMs: Date.now,
    log,
    metrics: new WebhookMetrics(registry),
  });
  return startComponent({
    log,
    registry,
    admin,
    grpc: [],
    services: [],
    https: [{ address, server: server.server, stop: () => server.stop() }],
    ready: () => server.ready && certificate.ready && synced,
    close: () => {
      auth.close();
      certificate.close();
      pods.close();
      source.close();
    },
  });
}

/** In plaintext: the sidecar beside this component knows whose pod it is, and proves that this is the tap component. */
const addressOf = (pod: Pod): SidecarAddress => ({ host: pod.status?.podIP ?? '', port: tapPort(pod) ?? 0 });

/** Follows who the API server is. Until that is known, nobody can call. */
function followAuth(api: Pick<KubernetesApi, 'get'>, server: TapServer, log: Logger): Poll {
  let told = '';
  const look = async (): Promise<void> => {
    try {
      const path = `/api/v1/namespaces/kube-system/configmaps/${requestHeaderConfigMap}`;
      const { data } = await api.get<{ data?: Record<string, string> }>(path);
      const text = JSON.stringify(data);
      if (text === told) return;
      server.useAuth(readRequestHeaderAuth(data));
      told = text;
      log.info({}, 'the API server is known');
    } catch (error) {
      log.error({ problem: (error as Error).message }, `kube-system/${requestHeaderConfigMap} cannot be read`);
    }
  };
  const poll = new Poll(look, authIntervalMs);
  void poll.now();
  return poll;
}
