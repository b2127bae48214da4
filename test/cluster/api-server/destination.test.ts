import { parseArgs } from 'node:util';
import pino from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Component } from '../../../control-plane/component.ts';
import { destinationFlags, startDestination } from '../../../control-plane/destination/main.ts';
import { Flags } from '../../../control-plane/flags.ts';
import { apiServerMissing, startApiServer, type TestApiServer } from './api-server.ts';

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

  test.each([
    [['--source=file:x', '--kubeconfig=y'], '--kubeconfig goes with --source=kubernetes alone'],
    [['--source=kubernetes,file:x'], '--source (kubernetes) must be kubernetes alone, or file:FOLDER'],
    [['--source=kubernetes', '--kubeconfig=/none'], '/none: ENOENT'],
    [[], '--source must name at least one source'],
  ])('%j is refused', async (args, message) => {
    await expect(start(...args)).rejects.toThrow(message);
  });
});
