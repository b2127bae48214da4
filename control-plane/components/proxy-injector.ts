import type { Logger } from 'pino';
import { Registry } from 'prom-client';
import { meshPorts } from '../../lib/contract/ports.ts';
import type { PodTemplate } from '../../lib/inject/index.ts';
import { injector } from '../injector/admission.ts';
import { parseInjectConfig } from '../injector/inject-config.ts';
import { InjectorMetrics } from '../injector/injector-metrics.ts';
import { MissingSidecars } from '../injector/missing-sidecars.ts';
import { Namespaces } from '../injector/namespaces.ts';
import { Owners } from '../injector/owners.ts';
import { connectToCluster } from '../kubernetes/connect.ts';
import { EventRecorder } from '../kubernetes/events.ts';
import { WatchedFiles } from '../polling/watched-file.ts';
import { type Component, startComponent } from '../serving/component.ts';
import type { FlagReader, Flags } from '../serving/flags.ts';
import { KubernetesSource } from '../sources/kubernetes-source.ts';
import { startWebhook } from '../webhook/webhook.ts';
import { WebhookMetrics } from '../webhook/webhook-metrics.ts';

/** A renewal takes looks at the Secret and waits for API servers: some 10 s in all. */
const minLifetimeMs = 60_000;

export const injectorFlags = {
  addr: { type: 'string' },
  'admin-addr': { type: 'string' },
  /** The key `values` of the ConfigMap tulle-config, as a file. */
  'config-file': { type: 'string' },
  'mesh-namespace': { type: 'string' },
  kubeconfig: { type: 'string' },
  /** Names that API servers dial besides that of the Service. */
  'webhook-names': { type: 'string' },
  /** A file with the authorities of API servers' client certificates. */
  'webhook-client-ca': { type: 'string' },
  'certificate-lifetime': { type: 'string' },
} as const;

function injectorSettings(flags: FlagReader) {
  return {
    address: flags.address('addr', `0.0.0.0:${meshPorts.proxyInjector}`),
    admin: flags.address('admin-addr', `0.0.0.0:${meshPorts.proxyInjectorAdmin}`),
    configFile: flags.text('config-file'),
    meshNamespace: flags.dnsName('mesh-namespace', 'tulle'),
    kubeconfig: flags.optional('kubeconfig'),
    extraNames: flags.list('webhook-names', ''),
    clientAuthorities: flags.certificates('webhook-client-ca'),
    lifetimeMs: flags.durationMs('certificate-lifetime', '365d', minLifetimeMs),
  };
}

/** Starts the proxy injector: the admission webhook for pods and Services. */
export async function startInjector(flags: Flags, log: Logger): Promise<Component> {
  const registry = new Registry();
  const component = 'tulle-proxy-injector';
  const settings = flags.read(injectorSettings);
  const { address, admin, configFile, meshNamespace, kubeconfig, extraNames, clientAuthorities, lifetimeMs } = settings;
  const client = await connectToCluster({
    kubeconfig,
    env: process.env,
    onProblem: (problem) => log.error({ problem }, 'credentials cannot be read'),
    userAgent: component,
  });
  const config = new WatchedFiles(
    [configFile],
    ([text]) => {
      const parsed = parseInjectConfig(text);
      log.info({ version: parsed.defaults.version }, 'configuration in use');
      return parsed;
    },
    (problem) => log.error({ problem }, 'configuration not taken'),
  );
  await config.refresh();
  const now = Date.now;
  const source = new KubernetesSource({ client, log, registry, now, random: Math.random });
  const namespaces = new Namespaces(source, client);
  let synced = false;
  void source.synced.then(() => {
    synced = true;
  });
  const owners = new Owners({ api: client, onProblem: (problem) => log.warn({ problem }, 'owner guessed') });
  const events = new EventRecorder({
    api: client,
    component,
    registry,
    now,
    random: Math.random,
    onProblem: (problem) => log.warn({ problem }, 'event not written'),
  });
  const owner = (pod: PodTemplate, namespace: string) => owners.rootOf(pod, namespace);
  const missing = new MissingSidecars({
    api: client,
    config: () => config.current,
    namespace: (name) => namespaces.get(name),
    owner,
    record: (subject, event) => events.record(subject, event),
    log,
    registry,
  });
  void source.synced.then(() => missing.look());
  const webhook = startWebhook({
    name: 'proxy-injector',
    kind: 'MutatingWebhookConfiguration',
    handle: injector({
      config: () => config.current,
      namespace: (name) => namespaces.get(name),
      owner,
      record: (subject, event) => events.record(subject, event),
      metrics: new InjectorMetrics(registry),
    }),
    address,
    api: client,
    meshNamespace,
    extraNames,
    clientAuthorities,
    lifetimeMs,
    nowMs: now,
    log,
    metrics: new WebhookMetrics(registry),
  });
  return startComponent({
    log,
    registry,
    admin,
    grpc: [],
    services: [],
    https: [webhook.https],
    ready: () => webhook.ready && synced && config.current !== undefined,
    close: () => {
      webhook.close();
      missing.close();
      events.close();
      namespaces.close();
      source.close();
      config.close();
    },
  });
}
