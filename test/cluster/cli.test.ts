import { get } from 'node:http';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { connectCluster } from '../../cli/cluster/cluster.ts';
import { forwardPort } from '../../cli/cluster/port-forward.ts';
import { type CommandRun, run } from '../../cli/testing/run.ts';
import { describeOnCluster, toolsImage } from './cluster.ts';
import { namespace, restricted } from './pods.ts';

const ns = 'cli-test';

/** One HTTP response with counters that run by the clock: ten requests in a second. */
const metrics = `
while read -r line && [ "$line" != "$(printf '\\r')" ]; do :; done
printf 'HTTP/1.1 200 OK\\r\\nContent-Type: text/plain\\r\\nConnection: close\\r\\n\\r\\n'
seconds=$(cut -d ' ' -f 1 /proc/uptime)
echo "response_total{direction=\\"inbound\\",classification=\\"success\\"} $(echo "$seconds * 10" | bc)"
echo 'tcp_open_connections{direction="inbound",peer="src"} 3'
`;

/** A Deployment whose "sidecar" is a shell script: what is tested here is the way to it, not what it does. */
const web = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', namespace: ns },
  spec: {
    replicas: 2,
    selector: { matchLabels: { app: 'web' } },
    template: {
      metadata: { labels: { app: 'web' }, annotations: { 'tulle.dev/inject': 'disabled' } },
      spec: {
        terminationGracePeriodSeconds: 1,
        automountServiceAccountToken: false,
        containers: [
          {
            ...{ name: 'tulle-proxy', image: toolsImage, imagePullPolicy: 'IfNotPresent' },
            command: ['nc', '-ll', '-p', '4191', '-e', 'sh', '/script/metrics'],
            readinessProbe: { httpGet: { path: '/ready', port: 4191 } },
            securityContext: { ...restricted, runAsUser: 65_534 },
            volumeMounts: [{ name: 'script', mountPath: '/script' }],
          },
        ],
        volumes: [{ name: 'script', configMap: { name: 'metrics' } }],
      },
    },
  },
};
const script = {
  ...{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'metrics', namespace: ns } },
  data: { metrics },
};

describeOnCluster('the command line reaches pods', ({ kubectl, kubeconfig }) => {
  const tulle = (...args: string[]): Promise<CommandRun> => run([...args, '--kubeconfig', kubeconfig, '-n', ns]);
  const connect = () =>
    connectCluster(
      { kubeconfig },
      { input: async () => Buffer.alloc(0), out: () => {}, err: () => {}, cwd: '/', environment: {}, onStop: () => {} },
    );
  const podNames = async (): Promise<string[]> => {
    const { items } = await kubectl.get<{ items: { metadata: { name: string } }[] }>(['pods', '--namespace', ns]);
    return items.map(({ metadata }) => metadata.name);
  };

  beforeAll(async () => {
    await kubectl.apply([namespace(ns), script, web]);
    await kubectl.rollout('deployment/web', ns);
  });
  afterAll(() => kubectl.delete([namespace(ns)]));

  it('stat sums up what the sidecars of a workload count', async () => {
    const [row] = JSON.parse((await tulle('stat', 'deploy/web', '-t', '3s', '-o', 'json')).out);
    expect(row).toMatchObject({ name: 'web', meshed: { pods: 2, of: 2 }, success: 1, tcpConnections: 6 });
    expect(row.rps).toBeGreaterThan(18);
    expect(row.rps).toBeLessThan(22);
  });

  it('diagnostics proxy-metrics prints each pod’s own', async () => {
    const { out } = await tulle('diagnostics', 'proxy-metrics', 'deploy/web');
    for (const name of await podNames()) expect(out).toContain(`# pod ${ns}/${name}, container tulle-proxy\n`);
    expect(out.match(/^response_total/gm)).toHaveLength(2);
  });

  it('a port is forwarded to a pod, connection by connection', async () => {
    const cluster = await connect();
    const [pod] = await podNames();
    const forward = await forwardPort(cluster.access, { namespace: ns, pod, port: 4191 });
    for (let call = 0; call < 3; call++) {
      const body = await new Promise<string>((resolve, reject) => {
        get({ host: '127.0.0.1', port: forward.port, path: '/metrics', agent: false }, (response) => {
          text(response).then(resolve, reject);
        }).on('error', reject);
      });
      expect(body).toMatch(/^response_total/);
    }
    expect(forward.problem()).toBeUndefined();
    forward.close();
    cluster.client.close();
  });

  it('a port where nothing listens, and a pod that is not there, are told', async () => {
    const cluster = await connect();
    const [pod] = await podNames();
    const problemOf = async (target: { pod: string; port: number }): Promise<string | undefined> => {
      const forward = await forwardPort(cluster.access, { namespace: ns, ...target });
      await new Promise((resolve) => get({ host: '127.0.0.1', port: forward.port, agent: false }).on('error', resolve));
      forward.close();
      return forward.problem();
    };
    expect(await problemOf({ pod, port: 9 })).toMatch(/:9: .*refused/s);
    expect(await problemOf({ pod: 'none', port: 4191 })).toMatch(/404 NotFound pods "none" not found/);
    cluster.client.close();
  });
});
