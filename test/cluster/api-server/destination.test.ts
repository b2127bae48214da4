import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import pino from 'pino';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { destinationFlags, startDestination } from '../../../control-plane/components/destination.ts';
import type { Component } from '../../../control-plane/serving/component.ts';
import { Flags } from '../../../control-plane/serving/flags.ts';
import { openSources, readSources, sourceFlags } from '../../../control-plane/sources/open-source.ts';
import { apiServerMissing, startApiServer, type TestApiServer } from './api-server.ts';
import { destinationArgs, startControlPlane } from './control-plane-process.ts';
import { TcpProxy } from './tcp-proxy.ts';

describe.skipIf(apiServerMissing)(`destination${apiServerMissing ? ` (${apiServerMissing})` : ''}`, () => {
  let server: TestApiServer;
  let component: Component | undefined;
  beforeAll(async () => {
    server = await startApiServer();
  }, 120_000);
  afterAll(async () => {
    await component?.stop();
    await server?.stop();
  });

  const start = (...args: string[]): Promise<Component> =>
    startDestination(
      new Flags(
        parseArgs({
          args: ['--addr=127.0.0.1:0', '--policy-addr=127.0.0.1:0', '--admin-addr=127.0.0.1:0', ...args],
          options: destinationFlags,
        }).values,
      ),
      pino({ level: 'silent' }),
    );

  test('it runs outside of a cluster by a kubeconfig, and shows what it reads', async () => {
    component = await start('--source=kubernetes', `--kubeconfig=${server.kubeconfig}`);
    const admin = `http://127.0.0.1:${component.adminPort}`;
    expect((await fetch(`${admin}/ready`)).status).toBe(200);
    const metrics = await (await fetch(`${admin}/metrics`)).text();
    expect(metrics).toMatch(/kubernetes_source_objects\{kind="Service"\} 1\n/);
    expect(metrics).toMatch(/kubernetes_source_lists_total\{kind="Pod"\} 1\n/);
  });

  test('an object of a folder stands over that of the API server, which comes back when it goes', async () => {
    const overrides = mkdtempSync(join(server.folder, 'overrides-'));
    const file = join(overrides, 'kubernetes.json');
    const metadata = { name: 'kubernetes', namespace: 'default' };
    writeFileSync(
      file,
      JSON.stringify({ apiVersion: 'v1', kind: 'Service', metadata, spec: { ports: [{ port: 1 }] } }),
    );
    const args = [`--source=file:${overrides},kubernetes`, `--kubeconfig=${server.kubeconfig}`];
    const { source, api } = await openSources(Flags.parse(args, sourceFlags).read(readSources), {
      log: pino({ level: 'silent' }),
      registry: new Registry(),
      env: {},
      userAgent: 'test',
    });
    try {
      expect(api).toBeDefined();
      let port: number | undefined;
      source.watch('Service', ({ object }) => {
        port = object.spec?.ports?.[0].port;
      });
      await source.synced;
      expect(port).toBe(1);
      rmSync(file);
      await vi.waitFor(() => expect(port).toBe(443), 10_000);
    } finally {
      source.close();
    }
  });

  const startProcess = (kubeconfig: string) => startControlPlane('destination', destinationArgs(kubeconfig), 'live');

  test('it is live and not ready as long as it may not read, and ends when it is told to', async () => {
    const kubeconfig = server.kubeconfigFor({ token: await server.token('default', 'nobody') });
    const process = await startProcess(kubeconfig);
    await vi.waitFor(() => expect(process.lines.some((line) => line.includes('forbidden'))).toBe(true), 20_000);
    expect([await process.live(), await process.ready()]).toEqual([200, 503]);
    expect(await process.metric('kubernetes_source_lists_total{kind="Pod"}')).toBe(0);
    expect(await process.stop()).toBe(0);
  });

  test('it is live and not ready while the API server does not answer, and ready soon after it does', async () => {
    const proxy = new TcpProxy(server.port);
    const port = await proxy.listen();
    proxy.freeze();
    const process = await startProcess(server.kubeconfigFor({ server: `https://127.0.0.1:${port}` }));
    try {
      await vi.waitFor(() => expect(proxy.accepted).toBeGreaterThan(0), 10_000);
      expect([await process.live(), await process.ready()]).toEqual([200, 503]);
      proxy.thawForNew();
      proxy.cut();
      await vi.waitFor(async () => expect(await process.ready()).toBe(200), { timeout: 30_000, interval: 100 });
    } finally {
      expect(await process.stop()).toBe(0);
      await proxy.close();
    }
  });

  test.each([[['--source=kubernetes', '--kubeconfig=/none'], '/none: ENOENT']])(
    '%j is refused',
    async (args, message) => {
      await expect(start(...args)).rejects.toThrow(message);
    },
  );
});
