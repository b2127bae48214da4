import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { describeOnCluster, describeOnOwnCluster, images } from './cluster.ts';
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
    await kubectl.apply([pod('web', ns, { command, emptyDirs: ['/tmp'] })]);
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
    await kubectl.run(['delete', 'pod', name, '--namespace', imagesNs, '--ignore-not-found']);
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
    expect(text.length, 'no line of a bundle buries the message').toBeLessThan(4000);
  });

  it('gives an init container, which is not root and may not become it, iptables by way of its program', async () => {
    const initNs = `${ns}-init`;
    const rule = '-t nat -A OUTPUT -p tcp -m owner ! --uid-owner 2102 -j REDIRECT --to-ports 4140';
    const script = `
      for (const kind of ['nft', 'legacy']) {
        const { stdout, stderr } = require('node:child_process').spawnSync('iptables-' + kind, ${JSON.stringify(rule)}.split(' '));
        console.log(kind, String(stderr));
        console.log(kind, String(require('node:child_process').spawnSync('iptables-' + kind + '-save', ['-t', 'nat']).stdout));
      }`;
    const init = pod('init', initNs, {
      image: images.proxy,
      command: ['/usr/bin/bun', '--eval', script],
      securityContext: {
        ...restricted,
        capabilities: { add: ['NET_ADMIN', 'NET_RAW'] },
        runAsUser: 65_534,
        runAsGroup: 65_534,
      },
      emptyDirs: ['/run'], // iptables-legacy takes its lock there
    });
    await kubectl.apply([namespace(initNs)]);
    try {
      await kubectl.apply([init]);
      await kubectl.waitFor('pod/init', 'jsonpath={.status.phase}=Succeeded', initNs, 60);
      const text = await kubectl.logs('init', initNs);
      const added = '-A OUTPUT -p tcp -m owner ! --uid-owner 2102 -j REDIRECT --to-ports 4140';
      expect(text.split(added)).toHaveLength(3);
    } finally {
      await kubectl.run(['delete', 'namespace', initNs, '--wait=false']);
    }
  });
});

describeOnOwnCluster('programs of the cluster', ({ kubectl, machines }) => {
  it('stay away for as long as a test has stopped them', async () => {
    await machines.stopProgram('cp', 'kube-apiserver');
    try {
      await expect(kubectl.run(['get', '--raw', '/readyz', '--request-timeout=2s'])).rejects.toThrow(
        /refused|EOF|timeout/i,
      );
    } finally {
      machines.startProgram('cp', 'kube-apiserver');
    }
    await vi.waitFor(() => kubectl.run(['get', '--raw', '/readyz']), { timeout: 60_000, interval: 500 });
  });
});
