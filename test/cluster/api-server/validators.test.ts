import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { apiServerMissing, startApiServer, type TestApiServer } from './api-server.ts';
import { type ControlPlaneProcess, destinationArgs, startControlPlane } from './control-plane-process.ts';
import { meshObjects, webhookConfiguration } from './mesh-objects.ts';

describe.skipIf(apiServerMissing)(`the validators${apiServerMissing ? ` (${apiServerMissing})` : ''}`, () => {
  let server: TestApiServer;
  let destination: ControlPlaneProcess;

  const apply = (...items: object[]) =>
    server.kubectl(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));

  beforeAll(async () => {
    server = await startApiServer();
    await apply(
      ...meshObjects('Namespace', 'CustomResourceDefinition'),
      ...meshObjects('ServiceAccount', 'Role', 'RoleBinding', 'ClusterRole', 'ClusterRoleBinding'),
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } },
    );
    const established = ['wait', '--for=condition=Established', '--timeout=60s', 'crd', '--all'];
    await server.kubectl(established);
    const kubeconfig = server.kubeconfigFor({ token: await server.token('tulle', 'tulle-destination') });
    destination = await startControlPlane('destination', destinationArgs(kubeconfig));
    const [spPort, policyPort] = destination.httpsPorts;
    await apply(
      webhookConfiguration('ValidatingWebhookConfiguration', 'sp-validator', spPort),
      webhookConfiguration('ValidatingWebhookConfiguration', 'policy-validator', policyPort),
    );
    // Calls fail until the API server has heard of both authorities.
    await vi.waitFor(
      () => apply(serviceProfile('ready.shop.svc.cluster.local', '/'), networks('ready', '10.0.0.0/8')),
      {
        timeout: 30_000,
        interval: 500,
      },
    );
  }, 150_000);
  afterAll(async () => {
    expect(await destination?.stop()).toBe(0);
    await server?.stop();
  });

  const object = (apiVersion: string, kind: string, name: string, spec: object) => ({
    apiVersion,
    kind,
    metadata: { name, namespace: 'shop' },
    spec,
  });
  const serviceProfile = (name: string, pathRegex: string) =>
    object('linkerd.io/v1alpha2', 'ServiceProfile', name, {
      routes: [{ name: 'all', condition: { method: 'GET', pathRegex } }],
    });
  const networks = (name: string, cidr: string) =>
    object('policy.linkerd.io/v1alpha1', 'NetworkAuthentication', name, { networks: [{ cidr }] });

  test('a ServiceProfile that cannot take effect is refused, with its field', async () => {
    const bad = serviceProfile('web.shop.svc.cluster.local', '/((');
    await expect(apply(bad)).rejects.toThrow(
      /admission webhook "tulle-sp-validator\.tulle\.dev" denied the request: spec\.routes\[0\]\.condition\.pathRegex/,
    );
  });

  test('so is an AuthorizationPolicy', async () => {
    const bad = object('policy.linkerd.io/v1alpha1', 'AuthorizationPolicy', 'web', {
      targetRef: { group: 'policy.linkerd.io', kind: 'Server', name: 'web' },
      requiredAuthenticationRefs: [
        { group: 'policy.linkerd.io', kind: 'MeshTLSAuthentication', name: 'a' },
        { group: 'policy.linkerd.io', kind: 'MeshTLSAuthentication', name: 'b' },
      ],
    });
    await expect(apply(bad)).rejects.toThrow(
      /admission webhook "tulle-policy-validator\.tulle\.dev" denied the request: spec\.requiredAuthenticationRefs/,
    );
  });

  test('an update is checked as a creation is, and what is right goes through', async () => {
    await apply(networks('office', '10.1.0.0/16'));
    await expect(apply(networks('office', '10.1.0.0/99'))).rejects.toThrow(/spec\.networks\[0\]\.cidr/);
    await apply(networks('office', '10.2.0.0/16'));
  });

  test('their authorities are put back when the configuration is replaced without them', async () => {
    await server.kubectl(
      ['replace', '-f', '-'],
      JSON.stringify(
        webhookConfiguration('ValidatingWebhookConfiguration', 'policy-validator', destination.httpsPorts[1]),
      ),
    );
    await vi.waitFor(() => apply(networks('later', '10.3.0.0/16')), { timeout: 20_000, interval: 500 });
  });
});
