import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const root = join(import.meta.dirname, '../..');

/** Runs a sub-command to its end. */
function tulleProxy(...args: string[]): Promise<{ code: number; output: string }> {
  return tulleProxyWith({}, ...args);
}

function tulleProxyWith(more: Record<string, string>, ...args: string[]): Promise<{ code: number; output: string }> {
  const env = { PATH: process.env.PATH, DO_NOT_TRACK: '1', ...more };
  const command = [join(root, 'proxy/main.ts'), ...args];
  return new Promise((resolve) => {
    execFile(join(root, 'node_modules/.bin/bun'), command, { env, timeout: 15_000 }, (error, stdout, stderr) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, output: stdout + stderr }),
    );
  });
}

it('await ends with 0 once the proxy is ready, and not before', async () => {
  let asked = 0;
  const server = createServer((request, response) => {
    asked++;
    response.statusCode = request.url === '/ready' && asked > 2 ? 200 : 503;
    response.end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { code } = await tulleProxy('await', '--timeout=10s', `--port=${(server.address() as AddressInfo).port}`);
  server.close();
  expect(code).toBe(0);
  expect(asked).toBe(3);
});

it('await asks where the proxy of its container listens: on the address of the pod in explicit mode', async () => {
  const server = createServer((_, response) => response.end('ready')).listen(0, '127.0.0.9');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const at = (host: string) => ({ LINKERD2_PROXY_ADMIN_LISTEN_ADDR: `${host}:${port}` });
  const flags = ['await', '--timeout=300ms', `--port=${port}`];
  const codes = [await tulleProxyWith(at('127.0.0.9'), ...flags), await tulleProxyWith(at('0.0.0.0'), ...flags)];
  server.close();
  expect(codes.map(({ code }) => code)).toEqual([0, 69]);
});

it('await ends with 69 when the proxy is not ready in time, and tells what it saw', async () => {
  const server = createServer((_, response) => response.writeHead(503).end()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { code, output } = await tulleProxy(
    'await',
    '--timeout=300ms',
    `--port=${(server.address() as AddressInfo).port}`,
  );
  server.close();
  expect(code).toBe(69);
  expect(output).toContain('last=answered with 503');
});

it('a command or flag that there is not is refused with 64, and with those that there are', async () => {
  const command = await tulleProxy('initiate');
  expect(command).toMatchObject({ code: 64, output: expect.stringContaining('proxy, init, validate, await, version') });
  expect(await tulleProxy('await', '--timeout=soon')).toMatchObject({
    code: 64,
    output: expect.stringContaining('--timeout (soon) must be a duration such as 100ms, 3s, 2m, 1h or 1d'),
  });
  expect(await tulleProxy('validate', '--connect-addr=host:1')).toMatchObject({ code: 64 });
});

it('version tells the version', async () => {
  expect(await tulleProxy('version')).toMatchObject({ code: 0, output: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
});
