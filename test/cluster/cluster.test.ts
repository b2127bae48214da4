import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeOnCluster, images } from './cluster.ts';
import { namespace, type PodOptions, pod, restricted } from './pods.ts';

interface Node {
  metadata: { name: string };
  status: { conditions: { type: string; status: string }[] };
}

interface Pod {
  spec: { nodeName: string };
  status: { phase: string; podIP: string };
}

const ns = 'tulle-test-cluster';

describeOnCluster('the cluster', ({ kubectl }) => {
  beforeAll(async () => {
    await kubectl.apply([namespace(ns, { 'pod-security.kubernetes.io/enforce': 'restricted' })]);
    await kubectl.apply([pod('tools', ns)]);
    await kubectl.waitFor('pod/tools', 'condition=Ready', ns);
  });
  afterAll(() => kubectl.run(['delete', 'namespace', ns, '--ignore-not-found', '--wait=false']));

  it('has two nodes that are Ready', async () => {
    const { items } = await kubectl.get<{ items: Node[] }>(['nodes']);
    const ready = items.filter(({ status }) =>
      status.conditions.some((condition) => condition.type === 'Ready' && condition.status === 'True'),
    );
    expect(ready.length).toBeGreaterThanOrEqual(2);
  });

  it('resolves the names of Services in pods', async () => {
    const { spec } = await kubectl.get<{ spec: { clusterIP: string } }>(['service', 'kubernetes']);
    const answer = await kubectl.podExec('tools', ns, ['nslookup', 'kubernetes.default.svc.cluster.local']);
    expect(answer).toContain(`Address: ${spec.clusterIP}`);
  });

  it('carries connections between pods of different nodes', async () => {
    const tools = await kubectl.get<Pod>(['pod', 'tools', '--namespace', ns]);
    const { items } = await kubectl.get<{ items: Node[] }>(['nodes']);
    const other = items.map(({ metadata }) => metadata.name).find((name) => name !== tools.spec.nodeName);
    const command = ['sh', '-c', 'while :; do echo other | nc -l -p 8080; done'];
    await kubectl.apply([pod('other', ns, { command, nodeName: other })]);
    await kubectl.waitFor('pod/other', 'condition=Ready', ns);
    const { status } = await kubectl.get<Pod>(['pod', 'other', '--namespace', ns]);
    expect(await kubectl.podExec('tools', ns, ['nc', status.podIP, '8080'])).toBe('other\n');
  });

  it('forwards ports of pods', async () => {
    const command = ['sh', '-c', 'echo page >/tmp/index.html; exec httpd -f -p 8081 -h /tmp'];
    await kubectl.apply([
      pod('web', ns, { command, securityContext: { ...restricted, readOnlyRootFilesystem: false } }),
    ]);
    await kubectl.waitFor('pod/web', 'condition=Ready', ns);
    const forward = await kubectl.portForward('pod/web', ns, 8081);
    try {
      expect(await (await fetch(`http://127.0.0.1:${forward.port}/`)).text()).toBe('page\n');
    } finally {
      forward.stop();
    }
  });
});

describeOnCluster('the images, in a namespace with PodSecurity restricted', ({ kubectl }) => {
  const imagesNs = `${ns}-images`;
  beforeAll(() => kubectl.apply([namespace(imagesNs, { 'pod-security.kubernetes.io/enforce': 'restricted' })]));
  afterAll(() => kubectl.run(['delete', 'namespace', imagesNs, '--ignore-not-found', '--wait=false']));

  /** What a pod printed by the time it ended. */
  async function output(name: string, options: PodOptions, phase: 'Failed' | 'Succeeded'): Promise<string> {
    await kubectl.apply([pod(name, imagesNs, options)]);
    await kubectl.waitFor(`pod/${name}`, `jsonpath={.status.phase}=${phase}`, imagesNs, 60);
    return kubectl.logs(name, imagesNs);
  }

  it('the proxy reads its configuration, and names all that is wrong with it', async () => {
    const text = await output('proxy', { image: images.proxy, args: ['proxy'] }, 'Failed');
    expect(text).toContain('invalid configuration');
    expect(text).toContain('LINKERD2_PROXY_');
  });

  it('the controller says which components it has', async () => {
    const text = await output('controller', { image: images.controller }, 'Failed');
    expect(text).toMatch(/usage: .*<.*identity.*destination.*>/);
  });

  it("emojivoto's services start by the commands of its chart", async () => {
    const command = ['node', 'examples/emojivoto/services/web.ts'];
    const text = await output('emojivoto', { image: images.emojivoto, command }, 'Failed');
    expect(text).toContain('EMOJI_SVC must be set');
  });

  it('iptables works for an init container that is not root and may not become it', async () => {
    const initNs = `${ns}-init`;
    const securityContext = {
      ...restricted,
      capabilities: { add: ['NET_ADMIN', 'NET_RAW'] },
      runAsUser: 65_534,
      runAsGroup: 65_534,
    };
    await kubectl.apply([namespace(initNs)]);
    try {
      for (const kind of ['nft', 'legacy']) {
        const rule = ['-t', 'nat', '-A', 'OUTPUT', '-p', 'tcp', '-m', 'owner', '!', '--uid-owner', '2102'];
        const command = [`/usr/sbin/iptables-${kind}`, ...rule, '-j', 'REDIRECT', '--to-ports', '4140', '--verbose'];
        const options: PodOptions = { image: images.proxy, command, securityContext };
        const spec = pod(kind, initNs, options) as { spec: { containers: object[]; volumes?: object[] } };
        // iptables-legacy takes its lock in /run.
        spec.spec.volumes = [{ name: 'run', emptyDir: {} }];
        spec.spec.containers = spec.spec.containers.map((container) => ({
          ...container,
          volumeMounts: [{ name: 'run', mountPath: '/run' }],
        }));
        await kubectl.apply([spec]);
        await kubectl.waitFor(`pod/${kind}`, 'jsonpath={.status.phase}=Succeeded', initNs, 60);
        expect(await kubectl.logs(kind, initNs)).toMatch(
          /REDIRECT .*owner UID match 2102.*redir ports 4140|owner UID match/,
        );
      }
    } finally {
      await kubectl.run(['delete', 'namespace', initNs, '--wait=false']);
    }
  });
});
