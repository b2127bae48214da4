import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pino from 'pino';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { CertificateSecret } from '../../../control-plane/certificates/certificate-secret.ts';
import { createAuthority } from '../../../control-plane/certificates/create-certificate.ts';
import { startIdentity } from '../../../control-plane/components/identity.ts';
import { connectToCluster } from '../../../control-plane/kubernetes/connect.ts';
import { Flags } from '../../../control-plane/serving/flags.ts';
import { WebhookClient } from '../../../control-plane/webhook/testing/webhook-client.ts';
import { webhookSecretName } from '../../../lib/contract/names.ts';
import { injectConfig } from '../../../lib/inject/index.ts';
import { gatewayApi } from '../gateway-api.ts';
import { apiServerMissing, startApiServer, type TestApiServer } from './api-server.ts';
import { AuditLog, grantsOf, grantText, isUseOf } from './audit.ts';
import { certify } from './certify.ts';
import { destinationArgs, startControlPlane } from './control-plane-process.ts';
import { meshObjects, webhookConfiguration } from './mesh-objects.ts';

const missing = apiServerMissing ?? ('missing' in gatewayApi ? gatewayApi.missing : undefined);
const day = 86_400_000;
const roleKinds = ['ServiceAccount', 'Role', 'RoleBinding', 'ClusterRole', 'ClusterRoleBinding'];

/**
 * Each component does all that it ever does, as its own account with the rights that the install gives it; then the API
 * server's audit log tells which of these were used, and what was refused.
 */
describe.skipIf(missing)(`the rights of the control plane${missing ? ` (${missing})` : ''}`, () => {
  let server: TestApiServer;
  let audit: AuditLog;

  beforeAll(async () => {
    audit = new AuditLog();
    server = await startApiServer({ flags: audit.flags });
    await apply(
      ...meshObjects('Namespace', 'CustomResourceDefinition', ...roleKinds),
      // With what holds them to their own: nothing that they do may be refused by it.
      ...meshObjects('ValidatingAdmissionPolicy', 'ValidatingAdmissionPolicyBinding'),
      namespace('shop', { 'tulle.dev/inject': 'enabled' }),
    );
    await server.kubectl(['apply', '--server-side', '-f', (gatewayApi as { folder: string }).folder]);
    await server.kubectl(['wait', '--for=condition=Established', '--timeout=60s', 'crd', '--all']);
    await server.kubectl(['create', 'serviceaccount', 'web', '--namespace=shop']);
  }, 150_000);
  afterAll(async () => {
    await server?.stop();
    audit?.close();
  });

  const apply = (...items: object[]) =>
    server.kubectl(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
  const namespace = (name: string, annotations = {}) => ({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name, annotations },
  });
  const kubeconfigOf = async (component: string) =>
    server.kubeconfigFor({ token: await server.token('tulle', `tulle-${component}`) });
  const soon = { timeout: 30_000, interval: 200 };

  /** Refused by the authorizer; all of it is told, for one refusal hides others. */
  const refused = (account: string) =>
    audit.accesses('tulle').filter((access) => !access.allowed && access.account === `tulle/${account}`);
  const unused = (account: string) => {
    const accesses = audit.accesses('tulle');
    return grantsOf(meshObjects(...roleKinds))
      .filter((grant) => grant.account === `tulle/${account}` && !accesses.some((access) => isUseOf(access, grant)))
      .map(grantText);
  };
  const expectExact = async (account: string) => {
    expect(grantsOf(meshObjects(...roleKinds)).filter((grant) => grant.account === `tulle/${account}`)).not.toEqual([]);
    await vi.waitFor(() => expect(unused(account)).toEqual([]), { ...soon, timeout: 15_000 });
    expect(refused(account)).toEqual([]);
  };

  /** A certificate in a webhook's Secret that is to be renewed at once. */
  async function agedCertificate(webhook: string): Promise<void> {
    const begin = Date.now() - 9 * day;
    const secret = new CertificateSecret({
      api: server.client,
      namespace: 'tulle',
      name: webhookSecretName(webhook),
      nowMs: () => begin,
      onProblem: (problem) => expect.unreachable(problem),
      create: async () => {
        const made = await createAuthority({ name: 'aged', lifetimeMs: 10 * day, nowMs: begin });
        return { ...made, authorities: made.certificate };
      },
    });
    await secret.ensure();
  }
  const secretPath = (webhook: string) => `/api/v1/namespaces/tulle/secrets/${webhookSecretName(webhook)}`;
  const certificateIn = async (webhook: string) =>
    (await server.client.get<{ data: Record<string, string> }>(secretPath(webhook))).data['tls.crt'];
  /** Renewed, then, since somebody deleted it, made anew. */
  async function renewAndRecreate(webhook: string, aged: string): Promise<void> {
    await vi.waitFor(async () => expect(await certificateIn(webhook)).not.toBe(aged), soon);
    await server.client.delete(secretPath(webhook));
    await vi.waitFor(() => certificateIn(webhook), soon);
  }
  const eventCounts = async (reason: string) => {
    const { items } = await server.client.get<{ items: { reason: string; count: number }[] }>('/api/v1/events');
    return items.filter((event) => event.reason === reason).map(({ count }) => count);
  };

  test('what an account is refused, and what it never used, shows in the log', async () => {
    const kubeconfig = server.kubeconfigFor({ token: await server.token('tulle', 'nobody') });
    const nobody = await connectToCluster({ kubeconfig, env: {}, onProblem: () => {} });
    await expect(nobody.get('/api/v1/namespaces/tulle/secrets/x')).rejects.toMatchObject({ status: 403 });
    nobody.close();
    expect(refused('nobody')).toMatchObject([{ verb: 'get', resource: 'secrets', namespace: 'tulle', name: 'x' }]);
    expect(unused('tulle-identity')).toContain(
      'tulle/tulle-identity may update secrets tulle-identity-issuer in tulle',
    );
  });

  test('identity uses each of its rights and is refused nothing', async () => {
    const clock = { aheadMs: 0 };
    const identity = await startIdentity(
      new Flags({
        addr: '127.0.0.1:0',
        'admin-addr': '127.0.0.1:0',
        kubernetes: true,
        kubeconfig: await kubeconfigOf('identity'),
      }),
      pino({ level: 'silent' }),
      () => Date.now() + clock.aheadMs,
      {},
    );
    try {
      const web = 'web.shop.serviceaccount.identity.tulle.cluster.local';
      const token = (
        await server.kubectl(['create', 'token', 'web', '--namespace=shop', '--audience=identity.l5d.io'])
      ).trim();
      // Twice, so that the Event is written, then counted.
      for (let time = 0; time < 2; time++) await certify(identity.ports[0], token, { identity: web });
      const bundle = async (where: string) =>
        (
          await server.client.get<{ data: Record<string, string> }>(
            `/api/v1/namespaces/${where}/configmaps/tulle-identity-trust-roots`,
          )
        ).data['ca-bundle.crt'];
      await vi.waitFor(async () => expect(await bundle('shop')).toBe(await bundle('tulle')), soon);
      await vi.waitFor(async () => expect(await eventCounts('IssuedLeafCertificate')).toEqual([2]), soon);
      // Issuer and anchor are renewed, and the bundle with them.
      const first = await bundle('tulle');
      clock.aheadMs = 7.1 * 365 * day;
      await vi.waitFor(async () => expect(await bundle('shop')).not.toBe(first), soon);
    } finally {
      await identity.stop();
    }
    await expectExact('tulle-identity');
  }, 120_000);

  test('the injector uses each of its rights and is refused nothing', async () => {
    await agedCertificate('proxy-injector');
    const aged = await certificateIn('proxy-injector');
    const values = join(server.folder, 'values');
    writeFileSync(values, JSON.stringify(injectConfig()));
    const injector = await startControlPlane('proxy-injector', [
      '--addr=127.0.0.1:0',
      '--admin-addr=127.0.0.1:0',
      `--kubeconfig=${await kubeconfigOf('proxy-injector')}`,
      `--config-file=${values}`,
      '--webhook-names=localhost',
    ]);
    try {
      await apply(webhookConfiguration('MutatingWebhookConfiguration', 'proxy-injector', injector.httpsPorts[0]));
      await renewAndRecreate('proxy-injector', aged);
      const pod = (name: string, owner: object) => ({
        metadata: { name, ownerReferences: [{ controller: true, ...owner }] },
        spec: { serviceAccountName: 'default', containers: [{ name: 'web', image: 'shop/web' }] },
      });
      const create = (name: string, owner: object) =>
        server.client.create('/api/v1/namespaces/shop/pods', pod(name, owner));
      const replicaSet = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web-abc', uid: 'u-1' };
      await vi.waitFor(() => create('web-1', replicaSet), soon);
      await create('web-2', replicaSet);
      await create('job-1', { apiVersion: 'batch/v1', kind: 'Job', name: 'job', uid: 'u-2' });
      await vi.waitFor(async () => expect(await eventCounts('Injected')).toContain(2), soon);

      // A namespace that the watch has not told of yet.
      const { data } = await server.client.get<{ data: Record<string, string> }>(secretPath('proxy-injector'));
      const webhook = new WebhookClient(injector.httpsPorts[0], Buffer.from(data['ca.crt'], 'base64').toString());
      const kind = { group: '', version: 'v1', kind: 'Pod' };
      const object = { apiVersion: 'v1', kind: 'Pod', ...pod('new-1', replicaSet) };
      expect(await webhook.review({ kind, namespace: 'new', object })).toMatchObject({ allowed: true });
      webhook.close();
    } finally {
      await server.kubectl(['delete', 'mutatingwebhookconfigurations', '--all']);
      expect(await injector.stop()).toBe(0);
    }
    await expectExact('tulle-proxy-injector');
  }, 120_000);

  test('destination, with policy and validators, uses each of its rights and is refused nothing', async () => {
    const validators = ['sp-validator', 'policy-validator'];
    for (const validator of validators) await agedCertificate(validator);
    const aged = await Promise.all(validators.map(certificateIn));
    const parents = [{ group: '', kind: 'Service', name: 'web', port: 80 }];
    const object = (apiVersion: string, kind: string, name: string, spec: object) => ({
      ...{ apiVersion, kind, metadata: { name, namespace: 'shop' }, spec },
    });
    const route = (apiVersion: string, kind: string, name: string) =>
      object(apiVersion, kind, name, { parentRefs: parents, rules: [{}] });
    const bytesRoute = (kind: string, name: string, spec: object = {}) =>
      object('gateway.networking.k8s.io/v1', kind, name, {
        ...{ parentRefs: parents, rules: [{ backendRefs: [{ name: 'web', port: 80 }] }] },
        ...spec,
      });
    const toServer = { group: 'policy.linkerd.io', kind: 'Server', name: 'web' };
    await apply(
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'web', namespace: 'shop' },
        spec: { ports: [{ port: 80 }] },
      },
      route('policy.linkerd.io/v1beta3', 'HTTPRoute', 'linkerd'),
      route('gateway.networking.k8s.io/v1', 'HTTPRoute', 'http'),
      route('gateway.networking.k8s.io/v1', 'GRPCRoute', 'grpc'),
      bytesRoute('TCPRoute', 'tcp'),
      bytesRoute('TLSRoute', 'tls', { hostnames: ['web.example.com'] }),
      object('policy.linkerd.io/v1alpha1', 'EgressNetwork', 'all', { trafficPolicy: 'Allow' }),
      object('policy.linkerd.io/v1alpha1', 'HTTPLocalRateLimitPolicy', 'limit', {
        targetRef: toServer,
        total: { requestsPerSecond: 10 },
      }),
      object('tulle.dev/v1alpha1', 'RequestAuthentication', 'users', {
        targetRef: toServer,
        jwtRules: [{ issuer: 'https://issuer.test', jwks: '{"keys":[]}' }],
      }),
      object('tulle.dev/v1alpha1', 'FaultInjection', 'slow', { delay: { fixedDelay: '1s' } }),
      object('tulle.dev/v1alpha1', 'ExternalAuthorization', 'asked', {
        targetRef: toServer,
        backendRef: { name: 'web', port: 80 },
      }),
    );
    const destination = await startControlPlane('destination', destinationArgs(await kubeconfigOf('destination')));
    try {
      const [spPort, policyPort] = destination.httpsPorts;
      await apply(
        webhookConfiguration('ValidatingWebhookConfiguration', 'sp-validator', spPort),
        webhookConfiguration('ValidatingWebhookConfiguration', 'policy-validator', policyPort),
      );
      await Promise.all(validators.map((validator, index) => renewAndRecreate(validator, aged[index])));
      const hasStatus = async (path: string) => {
        const { status } = await server.client.get<{ status?: { parents: object[] } }>(`/apis/${path}`);
        expect(status?.parents).toHaveLength(1);
      };
      await vi.waitFor(async () => {
        await hasStatus('policy.linkerd.io/v1beta3/namespaces/shop/httproutes/linkerd');
        await hasStatus('gateway.networking.k8s.io/v1/namespaces/shop/httproutes/http');
        await hasStatus('gateway.networking.k8s.io/v1/namespaces/shop/grpcroutes/grpc');
      }, soon);
    } finally {
      expect(await destination.stop()).toBe(0);
    }
    await expectExact('tulle-destination');
  }, 120_000);
});
