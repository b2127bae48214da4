import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What the injector asks an API server for, answered from memory: the benchmark is of the injector alone. */
export interface StandInApi {
  readonly url: string;
  /** The `caBundle` that was written into the configuration; empty until then. */
  caBundle(): string;
  /** Calls by what was asked for: `GET replicasets`. */
  readonly calls: ReadonlyMap<string, number>;
  close(): void;
}

interface Stored {
  metadata: { name: string; resourceVersion?: string; [field: string]: unknown };
  webhooks?: { clientConfig: { caBundle?: string } }[];
}

const configurationPath =
  '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/tulle-tulle-proxy-injector-webhook-config';

export async function startStandInApi(namespaces: readonly string[]): Promise<StandInApi> {
  const objects = new Map<string, Stored>();
  const calls = new Map<string, number>();
  objects.set(configurationPath, {
    metadata: { name: 'tulle-tulle-proxy-injector-webhook-config', resourceVersion: '1' },
    webhooks: [{ clientConfig: {} }],
  });
  const server = createServer((request, response) => {
    void answer(request, response, { objects, calls, namespaces });
  });
  await listen(server);
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    caBundle: () => objects.get(configurationPath)?.webhooks?.[0].clientConfig.caBundle ?? '',
    calls,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

interface World {
  readonly objects: Map<string, Stored>;
  readonly calls: Map<string, number>;
  readonly namespaces: readonly string[];
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { objects, calls, namespaces }: World,
): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
  const { method = 'GET' } = request;
  const send = (code: number, object: unknown): void => {
    response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(object));
  };
  const parts = pathname.split('/');
  const collection = method === 'POST' || pathname === '/api/v1/namespaces' ? parts.at(-1) : parts.at(-2);
  calls.set(`${method} ${collection}`, (calls.get(`${method} ${collection}`) ?? 0) + 1);
  let text = '';
  for await (const chunk of request) text += chunk;
  const body = text === '' ? undefined : (JSON.parse(text) as Stored);

  if (pathname === '/api/v1/namespaces') {
    // A watch in which nothing happens.
    if (searchParams.has('watch')) response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders();
    else send(200, { kind: 'NamespaceList', metadata: { resourceVersion: '1' }, items: namespaces.map(namespaceOf) });
  } else if (method === 'POST' && body !== undefined) {
    const path = `${pathname}/${body.metadata.name}`;
    if (collection !== 'events') objects.set(path, { ...body, metadata: { ...body.metadata, resourceVersion: '1' } });
    send(201, objects.get(path) ?? body);
  } else if (method === 'PATCH' && objects.has(pathname)) {
    objects.set(pathname, { ...(objects.get(pathname) as Stored), webhooks: body?.webhooks });
    send(200, objects.get(pathname));
  } else if (parts.at(-2) === 'replicasets') {
    const name = parts.at(-1)?.replace(/-[^-]+$/, '');
    const ownerReferences = [{ apiVersion: 'apps/v1', kind: 'Deployment', name, uid: `uid-${name}`, controller: true }];
    send(200, { metadata: { name: parts.at(-1), ownerReferences } });
  } else if (objects.has(pathname)) {
    send(200, objects.get(pathname));
  } else {
    send(404, { kind: 'Status', status: 'Failure', reason: 'NotFound', code: 404, message: `${pathname} not found` });
  }
}

const namespaceOf = (name: string) => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name, annotations: { 'tulle.dev/inject': 'enabled', 'config.tulle.dev/proxy-log-level': 'warn' } },
});

function listen(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
}
