import { ExpositionReader } from '../../lib/figures/exposition-reader.ts';
import { podsLackingSidecars } from '../cluster/lacking-sidecars.ts';
import { eachBounded } from '../cluster/objects.ts';
import { isRefused } from '../cluster/refusal.ts';
import { sidecarOf } from '../cluster/sidecar.ts';
import { clusterScraper, readMetrics } from '../figures/scraper.ts';
import { bypassingIpv6 } from './bypassing-ipv6.ts';
import { trustAnchors } from './certificate-checks.ts';
import { type Category, CheckFailure } from './check.ts';
import type { CheckedPod, ClusterFacts } from './cluster-facts.ts';
import { fail } from './control-plane-checks.ts';
import { opaqueMismatches } from './opaque-ports.ts';
import { refusingNamespaces } from './refusing-namespaces.ts';
import { blindAutoscalers, refusingQuotas } from './resource-needs.ts';
import { anchorFault, anchorsOfProxy, askedForAnchors } from './trust-anchors.ts';
import { otherProxyVersion, proxyFault } from './version-checks.ts';

const scrapeTimeoutMs = 5000;
const concurrency = 16;
/** As proxies of today call it, and those of before 2026. */
const expirationMetrics = ['control_', ''].map((prefix) => `${prefix}identity_cert_expiration_timestamp_seconds`);

/** Whether meshed pods do well: those of one namespace, or all. */
export function dataPlaneChecks(facts: ClusterFacts, namespace: string | undefined, nowMs: () => number): Category[] {
  const pods = () => facts.dataPlanePods(namespace);
  return [
    {
      name: 'mesh-identity-data-plane',
      checks: [
        {
          description: 'data plane proxies have valid certificates',
          hint: 'data-plane-certificates',
          retry: true,
          run: async () => askEach(await pods(), (pod) => certificateFault(facts, pod, nowMs())),
        },
        {
          description: 'data plane proxies know the trust anchors of the bundle',
          hint: 'trust-anchors',
          warning: true,
          run: async () => {
            const bundle = await trustAnchors(facts);
            const asked = askedForAnchors(await pods(), bundle);
            await askEach(asked, async (pod) => {
              const name = `${pod.metadata.namespace}/${pod.metadata.name}`;
              try {
                const known = await anchorsOfProxy(facts.cluster.access, pod);
                const fault = anchorFault(known, bundle, nowMs());
                return fault === undefined ? [] : [`${name} ${fault}`];
              } catch (error) {
                return [`${name} does not tell which trust anchors it knows: ${(error as Error).message}`];
              }
            });
          },
        },
      ],
    },
    {
      name: 'mesh-data-plane',
      checks: [
        {
          description: 'data plane namespace exists',
          hint: 'data-plane',
          fatal: true,
          run: async () => {
            if (namespace === undefined || (await facts.namespace(namespace)) !== undefined) return;
            throw new CheckFailure(`namespace ${namespace} is not there`);
          },
        },
        {
          description: 'data plane proxies are ready',
          hint: 'data-plane',
          retry: true,
          run: async () => {
            const found = await pods();
            if (found.length === 0) {
              throw new CheckFailure(`no pod with a sidecar is in ${namespace ?? 'any namespace'}: see 'tulle inject'`);
            }
            fail(found.flatMap(proxyFault));
          },
        },
        {
          description: 'pods that were to have a sidecar have one',
          hint: 'missing-sidecars',
          run: async () => {
            const { config } = await facts.installed();
            const lacking = podsLackingSidecars(
              await facts.unlabelledPods(namespace),
              config,
              namespace === undefined ? await facts.namespaces() : [await facts.namespace(namespace)],
            );
            fail(
              lacking.map(
                ({ metadata }) =>
                  `${metadata.namespace}/${metadata.name} has no sidecar, and its calls are not protected`,
              ),
            );
          },
        },
        {
          description: 'namespaces let their sidecars in',
          hint: 'pod-security',
          warning: true,
          run: async () => {
            const own = namespace === undefined ? undefined : await facts.namespace(namespace);
            fail(refusingNamespaces(namespace === undefined ? await facts.namespaces() : own ? [own] : []));
          },
        },
        {
          description: 'quotas let pods with sidecars in',
          hint: 'quotas',
          warning: true,
          run: async () =>
            fail(refusingQuotas(await facts.askedResources(namespace), (await facts.installed()).config)),
        },
        {
          description: 'autoscalers can tell the use of pods with sidecars',
          hint: 'autoscalers',
          warning: true,
          run: async () => fail(blindAutoscalers(await facts.askedResources(namespace))),
        },
        {
          description: 'data plane and cli versions match',
          hint: 'versions',
          warning: true,
          run: async () => fail((await pods()).flatMap(otherProxyVersion)),
        },
        {
          description: 'data plane proxies get the IPv6 connections of their pods',
          hint: 'ipv6',
          warning: true,
          run: async () => fail(bypassingIpv6(await pods(), (await facts.installed()).config.ipv6 ?? false)),
        },
        {
          description: 'data plane pod labels are configured correctly',
          hint: 'settings-as-labels',
          warning: true,
          run: async () => fail((await pods()).flatMap((pod) => settingLabels('pod', pod))),
        },
        {
          description: 'data plane service labels are configured correctly',
          hint: 'settings-as-labels',
          warning: true,
          run: async () =>
            fail((await facts.services(namespace)).flatMap((service) => settingLabels('service', service))),
        },
      ],
    },
    {
      name: 'mesh-opaque-ports-definition',
      checks: [
        {
          description: 'opaque ports are properly annotated',
          hint: 'opaque-ports',
          warning: true,
          run: async () => {
            const { opaquePorts } = (await facts.installed()).config.defaults;
            fail(opaqueMismatches(await facts.services(namespace), await pods(), opaquePorts));
          },
        },
      ],
    },
  ];
}

/** Fails with the faults that `ask` finds; without any, with the refusal of a pod that this user may not ask. */
async function askEach(pods: readonly CheckedPod[], ask: (pod: CheckedPod) => Promise<string[]>): Promise<void> {
  let refused: Error | undefined;
  const faults = await eachBounded(pods, concurrency, async (pod) => {
    try {
      return await ask(pod);
    } catch (error) {
      if (!isRefused(error)) throw error;
      refused = error;
      return [];
    }
  });
  fail(faults.flat());
  if (refused !== undefined) throw refused;
}

/** What a proxy says of its own certificate; it takes none that does not lead to the trust anchors that it knows. */
async function certificateFault({ cluster }: ClusterFacts, pod: CheckedPod, nowMs: number): Promise<string[]> {
  const { namespace = '', name } = pod.metadata;
  const sidecar = sidecarOf(pod);
  // Told by the check of sidecars.
  if (sidecar === undefined) return [];
  let expires: number | undefined;
  const reader = new ExpositionReader({ metrics: expirationMetrics }, ({ value }) => {
    expires ??= value;
  });
  try {
    const scraper = { ...clusterScraper(cluster), timeoutMs: scrapeTimeoutMs };
    await readMetrics(scraper, pod, reader);
  } catch (error) {
    if (isRefused(error)) throw error;
    return [`${namespace}/${name}: ${(error as Error).message}`];
  }
  if (!expires) return [`${namespace}/${name} has no certificate yet`];
  if (expires * 1000 > nowMs) return [];
  return [`the certificate of ${namespace}/${name} has ended on ${new Date(expires * 1000).toISOString()}`];
}

/** Settings are annotations: as labels they have no effect. */
function settingLabels(kind: string, { metadata }: { readonly metadata: CheckedPod['metadata'] }): string[] {
  return Object.keys(metadata.labels ?? {})
    .filter((label) => /^(config\.(alpha\.)?(tulle\.dev|linkerd\.io)\/|(tulle\.dev|linkerd\.io)\/inject$)/.test(label))
    .map((label) => `${kind} ${metadata.namespace}/${metadata.name}: ${label} must be an annotation, and is a label`);
}
