import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '../..');
const bun = join(root, 'node_modules/.bin/bun');

/** Why this machine cannot make a pod network; undefined when it can. */
function obstacle(): string | undefined {
  if (process.getuid?.() !== 0) return 'not root';
  const probe =
    'ip link set lo up && ip link add veth-a type veth peer name veth-b && iptables -t nat -A OUTPUT -p tcp -m owner --uid-owner 1 -j REDIRECT --to-ports 1 && ip6tables -t nat -L -n';
  const { status, stderr, error } = spawnSync('unshare', ['-n', 'sh', '-c', probe], { encoding: 'utf8' });
  if (error !== undefined || status !== 0)
    return `no network namespace with iptables: ${error?.message ?? stderr.trim()}`;
  const asUser = spawnSync(bun, ['--version'], { uid: 2101, gid: 2101, cwd: '/', encoding: 'utf8' });
  return asUser.status === 0 ? undefined : 'another user cannot run bun here';
}

const skipped = obstacle();

describe.skipIf(skipped !== undefined)(
  `transparent interception${skipped === undefined ? '' : ` (skipped: ${skipped})`}`,
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'tulle-transparent-'));
    let seen: Record<string, { status?: number; headers?: Record<string, string>; error?: string }> & {
      opaque: string;
      own: { status?: number; headers?: Record<string, string>; error?: string }[];
      clientMetrics: string;
      serverMetrics: string;
    };

    beforeAll(() => {
      // The sidecars run as users of their own, as in a pod.
      chmodSync(folder, 0o755);
      const world = join(import.meta.dirname, 'transparent-world.ts');
      const { stdout, stderr, status } = spawnSync('unshare', ['-n', process.execPath, world, folder], {
        encoding: 'utf8',
        timeout: 90_000,
      });
      const logs = readdirSync(folder)
        .filter((name) => name.endsWith('.log'))
        .map((name) => `${name}:\n${readFileSync(join(folder, name), 'utf8')}`);
      if (status !== 0 || stdout === '') throw new Error(`${stderr}\n${logs.join('\n')}`);
      seen = JSON.parse(stdout);
    }, 100_000);
    afterAll(() => rmSync(folder, { recursive: true }));

    const clientId = 'client.test.serviceaccount.identity.tulle.cluster.local';
    const samples = (text: string, ...parts: string[]) =>
      text.split('\n').filter((line) => parts.every((part) => line.includes(part)));

    it('a call to a Service’s address goes through both sidecars with mutual TLS; neither end knows of it', () => {
      expect(seen.byService.status).toBe(200);
      expect(seen.byService.headers).toMatchObject({ host: 'web.test', 'l5d-client-id': clientId });
      const requests = samples(seen.clientMetrics, 'request_total{', 'dst_service="web"', 'tls="true"');
      expect(requests.join('\n')).toContain('target_addr="10.2.0.1:8080"');
    });

    it('so does one over IPv6', () => {
      expect(seen.byServiceOverIpv6.error).toBeUndefined();
      expect(seen.byServiceOverIpv6.headers).toMatchObject({ 'l5d-client-id': clientId });
      expect(samples(seen.serverMetrics, 'request_total{', 'direction="inbound"', 'tls="true"')).not.toEqual([]);
    });

    it('so does one to the pod’s own address', () => {
      expect(seen.byPod.headers).toMatchObject({ 'l5d-client-id': clientId });
    });

    it('what discovery does not know is passed on where it was going', () => {
      expect(seen.outside.status).toBe(200);
      expect(seen.outside.headers?.['l5d-client-id']).toBeUndefined();
    });

    it('a pod that calls its own Service is answered by its own application, without TLS', () => {
      expect(seen.own.map(({ status, error }) => error ?? status)).toEqual([200, 200]);
      expect(seen.own[0].headers).toMatchObject({ host: 'web.test' });
      const requests = samples(seen.serverMetrics, 'request_total{', 'direction="outbound"', 'dst_service="web"');
      expect(requests.join('\n')).toMatch(/target_addr="10\.2\.0\.1:8080".*no_tls_reason="loopback"/);
    });

    it('a server that speaks first is heard, through mutual TLS', () => {
      expect(seen.opaque).toBe('220 ready\r\n');
      const opened = samples(seen.serverMetrics, 'tcp_open_total{', 'peer="src"', 'target_port="2525"', 'tls="true"');
      expect(opened).toHaveLength(1);
    });
  },
);
