import { ApiObject, App, Chart, JsonPatch } from 'cdk8s';
import * as kplus from 'cdk8s-plus-27';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { run } from '../../cli/testing/run.ts';
import { Injection, MeshedDeployment } from '../../lib/index.ts';
import { describeOnCluster, toolsImage } from './cluster.ts';
import { identityOf } from './mesh.ts';
import { account, deployment, fetchCommand, namespace, pod, restricted, service } from './pods.ts';
import { type RunningPod, sidecarMetrics } from './sidecar.ts';

const ns = 'tulle-test-explicit';
const serve = (name: string): string[] => [
  'node',
  '--eval',
  `require('node:http').createServer((_, answer) => answer.end('${name}')).listen(8080)`,
];

/** `cdk` as a user of the constructs writes it. */
function chart(): object[] {
  const app = new Chart(new App(), 'explicit', { namespace: ns });
  const cdk = new MeshedDeployment(app, 'cdk', {
    metadata: { name: 'cdk' },
    replicas: 1,
    serviceAccount: new kplus.ServiceAccount(app, 'account', { metadata: { name: 'cdk' } }),
    mesh: { injection: Injection.explicit() },
    containers: [
      {
        name: 'cdk',
        image: toolsImage,
        imagePullPolicy: kplus.ImagePullPolicy.IF_NOT_PRESENT,
        command: serve('cdk'),
        portNumber: 8080,
        resources: {},
      },
    ],
  });
  // The constructs know neither seccomp nor dropping all capabilities.
  const path = '/spec/template/spec/containers/0/securityContext';
  ApiObject.of(cdk).addJsonPatch(JsonPatch.replace(path, { ...restricted, runAsUser: 65_534 }));
  cdk.exposeViaService({ name: 'cdk', ports: [{ port: 80, targetPort: 8080 }] });
  return app.toJson();
}

/**
 * `plain`, which knows nothing of the mesh, as `tulle inject --explicit` meshes it. It runs as the user of the sidecar:
 * rules of interception would let its connections go past.
 */
async function injected(): Promise<string> {
  const securityContext = { ...restricted, runAsUser: 2102, runAsGroup: 2102 };
  const plain = deployment('plain', ns, {
    ...{ command: serve('plain'), ports: [8080], ownAccount: true, restartPolicy: 'Always' },
    securityContext,
  });
  const items = [account('plain', ns), plain, service('plain', ns, 80, 8080)];
  const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
  return (await run(['inject', '--explicit', '-'], { input })).out;
}

describeOnCluster('explicit mode in a namespace with PodSecurity restricted', ({ kubectl, ensureMesh }) => {
  const pods: Record<string, RunningPod> = {};
  const ask = (client: string, host: string): Promise<string> =>
    kubectl.podExec(pods[client].metadata.name, ns, fetchCommand(`http://${host}/`), client);
  const metrics = (name: string) => sidecarMetrics(kubectl, pods[name].metadata.name, ns);

  beforeAll(async () => {
    await ensureMesh();
    await kubectl.run(['delete', 'namespace', ns, '--ignore-not-found']);
    await kubectl.apply([namespace(ns, { 'pod-security.kubernetes.io/enforce': 'restricted' })]);
    await kubectl.apply(chart());
    await kubectl.apply(await injected());
    for (const name of ['cdk', 'plain']) {
      await kubectl.rollout(`deployment/${name}`, ns);
      const { items } = await kubectl.get<{ items: RunningPod[] }>(['pods', '--namespace', ns]);
      pods[name] = items.find(({ metadata }) => metadata.name.startsWith(`${name}-`))!;
    }
  });
  afterAll(() => kubectl.run(['delete', 'namespace', ns, '--ignore-not-found', '--wait=false']));

  it('pods start without an init container that changes the network', async () => {
    const { items } = await kubectl.get<{
      items: { spec: { initContainers: { name: string; securityContext: object }[] } }[];
    }>(['pods', '--namespace', ns]);
    expect(items).toHaveLength(2);
    for (const { spec } of items) {
      expect(spec.initContainers.map(({ name }) => name)).toEqual(['tulle-proxy']);
      expect(spec.initContainers[0].securityContext).toMatchObject({ capabilities: { drop: ['ALL'] } });
    }
  });

  it.each([
    ['cdk', 'plain'],
    ['plain', 'cdk'],
  ])('%s calls %s over mutual TLS, and each has proved who it is', async (client, server) => {
    expect(await ask(client, `${server}.${ns}`)).toBe(`200 ${server}`);
    const sent = (await metrics(client)).series('request_total', { direction: 'outbound', dst_service: server });
    expect(sent.map(({ labels, value }) => [labels['server_id'], value])).toEqual([[identityOf(server, ns), 1]]);
    const came = (await metrics(server)).series('request_total', { direction: 'inbound', tls: 'true' });
    expect(came.map(({ labels, value }) => [labels['client_id'], value])).toEqual([[identityOf(client, ns), 1]]);
  });

  it('Services lead to the sidecars, also for clients without one', async () => {
    await kubectl.apply([pod('outsider', ns)]);
    await kubectl.waitFor('pod/outsider', 'condition=Ready', ns);
    for (const server of ['cdk', 'plain']) {
      const answer = await kubectl.podExec('outsider', ns, fetchCommand(`http://${server}/`));
      expect(answer).toBe(`200 ${server}`);
      const plaintext = { direction: 'inbound', no_tls_reason: 'no_tls_from_remote' };
      expect((await metrics(server)).sum('request_total', plaintext)).toBe(1);
    }
  });
});
