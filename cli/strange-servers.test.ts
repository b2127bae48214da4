import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exitCodeOf } from './exit-codes.ts';
import { type CommandRun, run } from './testing/run.ts';

/** What stands where an API server should: each answers everything alike. */
const answers = {
  'a page of a login': [200, 'text/html', '<html><body>\u001b]0;owned\u0007 log in\n please</body></html>'],
  'a page of a gateway': [502, 'text/html', `<html>\n<h1>502 Bad Gateway</h1>\n${'x'.repeat(20_000)}</html>`],
  'a redirect': [302, 'text/plain', ''],
  'nothing of its paths': [404, 'text/plain', '404 page not found\n'],
  null: [200, 'application/json', 'null'],
  'a list': [200, 'application/json', '[]'],
  'items without a name': [200, 'application/json', '{"items":[{}]}'],
  'items that are none': [200, 'application/json', '{"items":[null]}'],
  'items in a text': [200, 'application/json', '{"items":"all"}'],
  'an error with escapes': [
    500,
    'application/json',
    JSON.stringify({ kind: 'Status', message: 'etcd is \u001b[31maway\n\u0007', reason: 'InternalError' }),
  ],
  'an expired login': [401, 'application/json', '{"kind":"Status","message":"Unauthorized","code":401}'],
} as const;
type Strange = keyof typeof answers;

const folder = mkdtempSync(join(tmpdir(), 'tulle-strange-'));
let server: Server;
let kubeconfig: (strange: Strange) => string;

beforeAll(async () => {
  const names = Object.keys(answers) as Strange[];
  server = createServer((request, response) => {
    const [status, type, body] = answers[names[Number(request.url?.split('/')[1])]];
    response.writeHead(status, { 'content-type': type }).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  kubeconfig = (strange) => {
    const file = join(folder, `${names.indexOf(strange)}`);
    const config = {
      'current-context': 'c',
      contexts: [{ name: 'c', context: { cluster: 'c' } }],
      clusters: [{ name: 'c', cluster: { server: `${origin}/${names.indexOf(strange)}` } }],
    };
    writeFileSync(file, JSON.stringify(config));
    return file;
  };
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true });
});

const commands = [
  'version --proxy',
  'check --wait 1ms',
  'check --pre --wait 1ms',
  'upgrade',
  'prune',
  'uninstall',
  'list',
  'stat deploy -t 1ms',
  'stat svc -t 1ms',
  'stat ns -t 1ms',
  'stat httproute -t 1ms',
  'stat-inbound deploy -t 1ms',
  'edges deploy',
  'routes deploy -t 1ms',
  'authz deploy',
  'identity deploy/web --wait 1s',
  'tap deploy/web --for 1ms',
  'top ns/shop --for 1ms',
  'diagnostics endpoints web.shop.svc.cluster.local:80',
  'diagnostics policy deploy/web 80',
  'diagnostics proxy-metrics deploy/web',
  'diagnostics controller-metrics',
];

describe.each(Object.keys(answers) as Strange[])('a server that answers %s', (strange) => {
  it('is told of in a line or two, that only show, and is no mistake of the program', async () => {
    for (const line of commands) {
      const args = [...line.split(' '), '--kubeconfig', kubeconfig(strange)];
      const { err, out, error }: CommandRun = await run(args, { cwd: folder }).catch((failure) => failure);
      const failed = error === undefined ? 0 : exitCodeOf(error);
      expect([line, failed], `${error?.stack}`).not.toContain(70);
      const told = `${err}${error?.message ?? ''}`;
      expect.soft(`${line}: ${out}${told}`.replaceAll('\n', ''), line).not.toMatch(/\p{Cc}|Cannot|undefined|<html/u);
      expect.soft(told.length, `${line}: ${told}`).toBeLessThan(3000);
      if (strange === 'an expired login' && !line.startsWith('check'))
        expect.soft(told, line).toContain('log in again');
    }
  });
});
