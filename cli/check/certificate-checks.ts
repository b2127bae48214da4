import type { X509Certificate } from 'node:crypto';
import { issuerSecret, trustRootsConfigMap } from '../../lib/contract/names.ts';
import { certificateOf, isSignedByOne, isSupportedKey, readPem, title, validityFault } from './certificates.ts';
import { type Category, type Check, CheckFailure } from './check.ts';
import type { ClusterFacts, Secret, WebhookConfiguration } from './cluster-facts.ts';
import { fail } from './control-plane-checks.ts';

/** Time enough to replace a certificate that nobody renews by itself. */
const warningDays = 60;

interface Certificates {
  readonly anchors: readonly X509Certificate[];
  readonly issuer: X509Certificate;
  /** The identity component renews what it has made. */
  readonly renewed: boolean;
}

/** Whether the certificates that all others hang on are good. */
export function identityChecks(facts: ClusterFacts, nowMs: () => number): Category {
  const about = (what: (certificates: Certificates) => string[]) => async (): Promise<void> =>
    fail(what(await meshCertificates(facts)));
  const faults = (list: readonly X509Certificate[], days?: number): string[] =>
    list.map((one) => validityFault(one, nowMs(), days)).filter((fault) => fault !== undefined);
  const hint = 'certificates';
  return {
    name: 'mesh-identity',
    checks: [
      { description: 'certificate config is valid', hint, retry: true, run: about(() => []) },
      {
        description: 'trust anchors are using supported crypto algorithm',
        hint,
        run: about(({ anchors }) => unsupported(anchors)),
      },
      {
        description: 'trust anchors are within their validity period',
        hint,
        // One that has ended is harmless beside another: the bundle keeps both while one follows the other.
        run: about(({ anchors }) => {
          const ended = faults(anchors);
          return ended.length < anchors.length ? [] : ended;
        }),
      },
      {
        description: `trust anchors are valid for at least ${warningDays} days`,
        hint,
        warning: true,
        run: about(({ anchors }) => {
          const ending = faults(anchors, warningDays);
          return ending.length < anchors.length ? [] : ending;
        }),
      },
      {
        description: 'issuer cert is using supported crypto algorithm',
        hint,
        run: about(({ issuer }) => unsupported([issuer])),
      },
      {
        description: 'issuer cert is within its validity period',
        hint,
        run: about(({ issuer }) => faults([issuer])),
      },
      {
        description: `issuer cert is valid for at least ${warningDays} days`,
        hint,
        warning: true,
        run: about(({ issuer, renewed }) => (renewed ? [] : faults([issuer], warningDays))),
      },
      {
        description: 'issuer cert is issued by the trust anchor',
        hint,
        run: about(({ issuer, anchors }) =>
          isSignedByOne(issuer, anchors) ? [] : [`${title(issuer)} is signed by none of the trust anchors`],
        ),
      },
    ],
  };
}

const unsupported = (list: readonly X509Certificate[]): string[] =>
  list
    .filter((one) => !isSupportedKey(one))
    .map((one) => `${title(one)} must have an ECDSA P-256 key or an RSA key of 2048 bits or more`);

/** The bundle that proxies trust which start now. */
export async function trustAnchors(facts: ClusterFacts): Promise<X509Certificate[]> {
  const { meshNamespace } = facts;
  const roots = await facts.object<{ data?: Readonly<Record<string, string>> }>(
    `/api/v1/namespaces/${meshNamespace}/configmaps/${trustRootsConfigMap}`,
  );
  const where = `ConfigMap ${meshNamespace}/${trustRootsConfigMap}`;
  if (roots === undefined) throw new CheckFailure(`${where} is not there: the identity component makes it`);
  return readPem(roots.data?.['ca-bundle.crt'] ?? '', `${where}: ca-bundle.crt`);
}

async function meshCertificates(facts: ClusterFacts): Promise<Certificates> {
  const { meshNamespace } = facts;
  const anchors = await trustAnchors(facts);
  const secret = await facts.object<Secret>(`/api/v1/namespaces/${meshNamespace}/secrets/${issuerSecret}`);
  if (secret === undefined) {
    throw new CheckFailure(`Secret ${meshNamespace}/${issuerSecret} is not there: the identity component makes it`);
  }
  const { leaf, renewed } = certificateOf(secret);
  return { anchors, issuer: leaf, renewed };
}

const webhookKinds = ['MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration'] as const;

/** Whether the API server and the webhooks can trust each other. */
export function webhookChecks(facts: ClusterFacts, nowMs: () => number): Category {
  const checks = async (): Promise<Check[]> => {
    const found: Check[] = [];
    for (const kind of webhookKinds) {
      for (const { metadata } of await facts.expected(kind)) {
        const path = `/apis/admissionregistration.k8s.io/v1/${kind.toLowerCase()}s/${metadata?.name}`;
        found.push(...webhookCertificateChecks(facts, kind, path, String(metadata?.name), nowMs));
      }
    }
    return found;
  };
  return { name: 'mesh-webhooks-tls', checks };
}

function webhookCertificateChecks(
  facts: ClusterFacts,
  kind: string,
  path: string,
  name: string,
  nowMs: () => number,
): Check[] {
  const webhook = /-tulle-(.+)-webhook-config$/.exec(name)?.[1] ?? name;
  const certificate = async () => {
    const configuration = await facts.object<WebhookConfiguration>(path);
    const first = configuration?.webhooks?.[0]?.clientConfig;
    if (first?.service === undefined) throw new CheckFailure(`${kind} ${name} is not there`);
    const { service, caBundle = '' } = first;
    const secretPath = `/api/v1/namespaces/${service.namespace}/secrets/${service.name}-k8s-tls`;
    const secret = await facts.object<Secret>(secretPath);
    if (secret === undefined) {
      throw new CheckFailure(
        `Secret ${service.namespace}/${service.name}-k8s-tls is not there: the component makes it when it starts`,
      );
    }
    if (caBundle === '') {
      throw new CheckFailure(`${kind} ${name} has no caBundle: the component writes it when it is ready`);
    }
    const authorities = readPem(Buffer.from(caBundle, 'base64').toString('utf8'), `${kind} ${name}: caBundle`);
    return { ...certificateOf(secret), authorities, host: `${service.name}.${service.namespace}.svc` };
  };
  return [
    {
      description: `${webhook} webhook has valid cert`,
      hint: 'webhooks',
      retry: true,
      run: async () => {
        const { leaf, authorities, host } = await certificate();
        const fault = validityFault(leaf, nowMs());
        fail([
          ...(fault === undefined ? [] : [fault]),
          ...(leaf.checkHost(host) === undefined ? [`${title(leaf)} is not for ${host}`] : []),
          ...(isSignedByOne(leaf, authorities) ? [] : [`${title(leaf)} is signed by none of the caBundle of ${name}`]),
        ]);
      },
    },
    {
      description: `${webhook} cert is valid for at least ${warningDays} days`,
      hint: 'webhooks',
      warning: true,
      run: async () => {
        const { leaf, renewed } = await certificate();
        const fault = renewed ? undefined : validityFault(leaf, nowMs(), warningDays);
        fail(fault === undefined ? [] : [fault]);
      },
    },
  ];
}
