import { expect, it, onTestFinished } from 'vitest';
import { LoneProxy } from './lone-proxy.ts';
import { freePort } from './test-mesh.ts';

async function start(environment: Record<string, string> = {}): Promise<LoneProxy> {
  const proxy = await LoneProxy.start(await freePort(), environment);
  onTestFinished(() => proxy.stop());
  return proxy;
}

it('a job that shuts its proxy down is answered, and the proxy ends with 0', async () => {
  const proxy = await start({ LINKERD2_PROXY_SHUTDOWN_ENDPOINT_ENABLED: 'true' });
  const response = await fetch(`http://127.0.0.1:${proxy.admin}/shutdown`, { method: 'POST' });
  expect([response.status, await response.text()]).toEqual([200, 'shutdown\n']);
  expect(await proxy.ended()).toBe(0);
});

it('a log level in capitals does not stop the start, and a broken query breaks nothing', async () => {
  const proxy = await start({ LINKERD2_PROXY_LOG: 'WARN', LINKERD2_PROXY_LOG_FORMAT: 'json' });
  const ask = (path: string): Promise<number> =>
    fetch(`http://127.0.0.1:${proxy.admin}${path}`).then(({ status }) => status);
  expect(await ask('/env.json?%')).toBe(400);
  expect(await ask('/live')).toBe(200);
  expect(proxy.errors()).toBe('');
});
