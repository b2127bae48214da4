import { expect, onTestFinished } from 'vitest';
import { LoneProxy } from '../proxy/lone-proxy.ts';
import { clientHello } from './client-hello.ts';
import { scrape, send, startApplication, sumOf } from './upstream.ts';
import { vector } from './vector.ts';

vector(
  {
    who: 'net',
    attack: 'two thousand connections that policy denies, asking for names with line breaks and escape sequences',
    promise: 'a few lines without what the client wrote, and a count of those that were left out',
  },
  async () => {
    const application = await startApplication((_request, response) => response.end('ok'));
    const proxy = await LoneProxy.start(application.port, {
      LINKERD2_PROXY_INBOUND_DEFAULT_POLICY: 'deny',
      LINKERD2_PROXY_LOG: 'info',
    });
    onTestFinished(async () => {
      await proxy.stop();
      application.close();
    });
    const before = proxy.log.length;
    const hello = clientHello('web\n1970-01-01T00:00:00.000Z ERROR forged\u001b[2K');
    for (let i = 0; i < 2000; i += 20) {
      await Promise.all(Array.from({ length: 20 }, () => send(proxy.inbound, hello)));
    }
    const lines = proxy.log.slice(before).trimEnd().split('\n');
    expect(lines.length).toBeLessThan(10);
    expect(lines.filter((line) => !line.includes('connection denied'))).toEqual([]);
    expect(proxy.log).not.toContain('forged');
    const text = await scrape(proxy);
    expect(sumOf(text, 'inbound_tcp_authz_deny_total')).toBe(2000);
    expect(sumOf(text, 'proxy_log_lines_unsaid_total')).toBe(2000 - lines.length);
    expect(application.accepted()).toBe(0);
  },
  40_000,
);
