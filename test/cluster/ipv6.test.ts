import { isIPv6 } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { run } from '../../cli/testing/run.ts';
import { componentLabel } from '../../lib/contract/labels.ts';
import { synthMeshYaml } from '../../synth/mesh.ts';
import { describeOnCluster } from './cluster.ts';
import type { Kubectl } from './kubectl.ts';
import { identityOf, meshNamespace, meshReady } from './mesh.ts';
import {
  account,
  fetchCommand,
  meshedNamespace,
  type PodOptions,
  pageServer,
  pod,
  program,
  service,
  workerNodes,
} from './pods.ts';
import { type Metrics, sidecarMetrics } from './sidecar.ts';

const ns = 'tulle-test-ipv6';

const webServer = (text: string): PodOptions => ({
  command: ['node', '--eval', `require('node:http').createServer((_, answer) => answer.end('${text}')).listen(8080)`],
  ownAccount: true,
  ports: [8080],
});
const ofFamilies = (...ipFamilies: ('IPv4' | 'IPv6')[]): object => ({
  ipFamilies,
  ipFamilyPolicy: ipFamilies.length > 1 ? 'RequireDualStack' : 'SingleStack',
});

interface Addressed {
  readonly status: { readonly podIPs?: readonly { readonly ip: string }[] };
}

const ipv6In = ({ status }: Addressed): string | undefined => status.podIPs?.find(({ ip }) => isIPv6(ip))?.ip;

const ipv6Of = async (kubectl: Kubectl, name: string): Promise<string> =>
  ipv6In(await kubectl.get<Addressed>([`pod/${name}`, '--namespace', ns]))!;

describeOnCluster('IPv6, in a mesh that leads it to the proxies', ({ kubectl, kubeconfig, ensureMesh }) => {
  let dualStack = false;
  const metrics = (name: string): Promise<Metrics> => sidecarMetrics(kubectl, name, ns);
  const page = (client: string, url: string): Promise<string> => kubectl.podExec(client, ns, fetchCommand(url), client);

  /** Changes what pods are injected with; those of before stay as they are. */
  async function changeMesh(ipv6: boolean): Promise<void> {
    await kubectl.apply(synthMeshYaml({ ipv6 }));
    // The injectors would get the new configuration by themselves, when the kubelet comes to it.
    const injectors = ['pods', '--namespace', meshNamespace, `--selector=${componentLabel}=proxy-injector`];
    const before = (await kubectl.run(['get', ...injectors, '--output=name'])).trim().split('\n');
    await kubectl.run(['rollout', 'restart', 'deployment/tulle-proxy-injector', '--namespace', meshNamespace]);
    await meshReady(kubectl);
    // One that ends still answers on the connections that it has.
    for (const injector of before) await kubectl.waitFor(injector, 'delete', meshNamespace);
  }

  beforeAll(async () => {
    const { items } = await kubectl.get<{ items: Addressed[] }>(['pods', '--all-namespaces']);
    dualStack = items.some((item) => ipv6In(item) !== undefined);
    if (!dualStack) return;
    await ensureMesh();
    await kubectl.run(['delete', 'namespace', ns, '--ignore-not-found']);
    await kubectl.apply([meshedNamespace(ns), pod('early', ns, pageServer('early'))]);
    await kubectl.waitFor('pod/early', 'condition=Ready', ns);
    await changeMesh(true);
    const [here, there] = await workerNodes(kubectl);
    const guarded = { 'config.tulle.dev/default-inbound-policy': 'all-authenticated' };
    const opaque = { 'config.tulle.dev/opaque-ports': '2525' };
    await kubectl.apply([
      ...['client', 'web', 'guarded', 'greeter'].map((name) => account(name, ns)),
      ...['greeter', 'greeted'].map((name) => program(name, ns)),
      pod('client', ns, { program: 'greeted', command: ['sleep', '2147483647'], ownAccount: true, nodeName: here }),
      pod('outsider', ns, { annotations: { 'tulle.dev/inject': 'disabled' }, nodeName: here }),
      pod('web', ns, { ...webServer('web'), nodeName: there }),
      pod('guarded', ns, { ...webServer('guarded'), annotations: guarded, nodeName: there }),
      pod('greeter', ns, { program: 'greeter', annotations: opaque, ownAccount: true, nodeName: there, ports: [2525] }),
      service('web', ns, 80, 8080, ofFamilies('IPv6')),
      { ...service('web', ns, 80, 8080, ofFamilies('IPv4', 'IPv6')), metadata: { name: 'both', namespace: ns } },
      service('greeter', ns, 25, 2525, ofFamilies('IPv6')),
    ]);
    const names = ['client', 'outsider', 'web', 'guarded', 'greeter'];
    await Promise.all(names.map((name) => kubectl.waitFor(`pod/${name}`, 'condition=Ready', ns)));
  });
  afterAll(async () => {
    if (!dualStack) return;
    await kubectl.run(['delete', 'namespace', ns, '--ignore-not-found', '--wait=false']);
    await changeMesh(false);
  });
  beforeEach(({ skip }) => {
    if (!dualStack) skip('pods of this cluster have no IPv6 addresses');
  });

  it('a call to a Service that has only an IPv6 address goes through both sidecars, with mutual TLS', async () => {
    expect(await page('client', 'http://web/')).toBe('200 web');
    const sent = (await metrics('client')).values('server_id', 'request_total', { dst_service: 'web' });
    expect(sent).toEqual([identityOf('web', ns)]);
    const came = (await metrics('web')).values('client_id', 'request_total', { tls: 'true' });
    expect(came).toEqual([identityOf('client', ns)]);
  });

  it('pods that have both kinds of address are called over IPv6, also where the client took the IPv4 one', async () => {
    const { spec } = await kubectl.get<{ spec: { clusterIPs: string[] } }>(['service/both', '--namespace', ns]);
    const [ipv4] = spec.clusterIPs;
    expect(await page('client', `http://${ipv4}/`)).toBe('200 web');
    const opened = (await metrics('client')).series('tcp_open_total', { peer: 'dst', dst_service: 'both' });
    expect(opened.map(({ labels }) => [labels['target_ip'], labels['tls']])).toEqual([
      [await ipv6Of(kubectl, 'web'), 'true'],
    ]);
  });

  it('so is a pod by its own address', async () => {
    const address = await ipv6Of(kubectl, 'web');
    const before = (await metrics('web')).sum('request_total', { client_id: identityOf('client', ns) });
    expect(await page('client', `http://[${address}]:8080/`)).toBe('200 web');
    const after = (await metrics('web')).sum('request_total', { client_id: identityOf('client', ns) });
    expect(after - before).toBe(1);
  });

  it('a server that speaks first is heard, over mutual TLS', async () => {
    const said = await kubectl.podExec('client', ns, ['node', '/programs/greeted.ts', 'greeter', '25'], 'client');
    expect(JSON.parse(said).heard).toBe('220 greeter\r\n250 hello client\r\n');
    const came = (await metrics('greeter')).values('client_id', 'tcp_open_total', {
      direction: 'inbound',
      peer: 'src',
    });
    expect(came).toEqual([identityOf('client', ns)]);
  });

  it('is no way past a policy', async () => {
    const url = `http://[${await ipv6Of(kubectl, 'guarded')}]:8080/`;
    expect(await page('client', url)).toBe('200 guarded');
    expect(await page('outsider', url)).toBe('403 ');
  });

  it('the check names a pod that was injected before, and no other', async () => {
    const { out } = await run(['check', '--proxy', '-n', ns, '-o', 'json', '--kubeconfig', kubeconfig]);
    const { categories } = JSON.parse(out) as { categories: { checks: { description: string; error?: string }[] }[] };
    const check = categories
      .flatMap(({ checks }) => checks)
      .find(({ description }) => description === 'data plane proxies get the IPv6 connections of their pods');
    expect(check?.error).toBe(`${ns}/early has an IPv6 address, whose connections go past its proxy: restart it`);
  });
});
