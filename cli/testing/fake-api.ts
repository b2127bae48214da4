import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface FakeApi {
  /** Path of a kubeconfig that leads there. */
  readonly kubeconfig: string;
  /** What was asked for, each once: `GET /api/v1/pods`. */
  readonly asked: Set<string>;
  close(): void;
}

/**
 * An API server that knows the answers to some paths, without their queries; a number is a status, and all else 404. What
 * `refuses` says of a call is refused as RBAC does it.
 */
export async function fakeApi(
  answers: Readonly<Record<string, object | string | number>>,
  refuses: (call: string) => boolean = () => false,
): Promise<FakeApi> {
  const asked = new Set<string>();
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '', 'http://x');
    const call = `${request.method} ${pathname}`;
    asked.add(call);
    const answer = refuses(call) ? 403 : (answers[pathname] ?? 404);
    const status = typeof answer === 'number' ? answer : 200;
    const reason = status === 403 ? { reason: 'Forbidden' } : {};
    const body = typeof answer === 'number' ? { kind: 'Status', message: `status ${answer}`, ...reason } : answer;
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    response.writeHead(status, { 'content-type': 'application/json' }).end(text);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const folder = mkdtempSync(join(tmpdir(), 'tulle-api-'));
  const kubeconfig = join(folder, 'config');
  const cluster = { server: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
  writeFileSync(
    kubeconfig,
    JSON.stringify({
      'current-context': 'fake',
      contexts: [{ name: 'fake', context: { cluster: 'fake', user: 'fake' } }],
      clusters: [{ name: 'fake', cluster }],
      users: [{ name: 'fake', user: {} }],
    }),
  );
  return {
    kubeconfig,
    asked,
    close: () => {
      server.close();
      server.closeAllConnections();
      rmSync(folder, { recursive: true });
    },
  };
}
