import type { Server as HttpServer } from 'node:http';
import { setTimeout as setTimeoutPromise } from 'node:timers/promises';
import type { Logger } from 'pino';
import { Counter, type Registry } from 'prom-client';
import { adminServer } from './admin.ts';
import type { Refusal } from './connection-limits.ts';
import { GrpcServer, type ServedService } from './grpc-server.ts';
import { refusalLog } from './refusal-log.ts';

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface ComponentOptions {
  log: Logger;
  registry: Registry;
  admin: Address;
  /** Where gRPC is served, in plaintext: the sidecar beside the component adds TLS. */
  grpc: readonly Address[];
  services: readonly ServedService[];
  /** See GrpcServer. */
  connectionAgeMs?: number;
  /** Servers with TLS of their own, which the API server calls. */
  https?: readonly HttpsService[];
  /** What must have settled before anything but health and metrics is served: until then the component is live, not ready. */
  serveAfter?: Promise<void>;
  ready: () => boolean;
  /** Ends what the component does besides; waited for a moment. */
  close: () => void | Promise<void>;
}

export interface HttpsService {
  readonly address: Address;
  readonly server: HttpServer;
  /** Ends it; calls under way are answered before. */
  stop(): Promise<void>;
}

/** A running component; `stop` lets calls under way finish for a moment. */
export interface Component {
  /** The ports that were bound, in the order of `grpc`. */
  readonly ports: readonly number[];
  /** Those of `https`, in its order. */
  readonly httpsPorts: readonly number[];
  readonly adminPort: number;
  stop(): Promise<void>;
}

const stopGraceMs = 2000;

/** Serves a component's gRPC services, HTTPS servers and admin server. Rejects when an address cannot be listened on. */
export async function startComponent(options: ComponentOptions): Promise<Component> {
  const dropped = new Counter({
    name: 'grpc_server_connections_dropped_total',
    help: 'Connections that were ended here, whatever their clients do.',
    labelNames: ['reason'] as const,
    registers: [options.registry],
  });
  const refused = new Counter({
    name: 'server_refused_total',
    help: 'Connections and calls refused because too many were held, of one address or of all.',
    labelNames: ['server', 'limit'],
    registers: [options.registry],
  });
  const onRefused = (server: 'grpc' | 'admin'): ((limit: Refusal, address: string) => void) => {
    const tell = refusalLog(options.log, server);
    return (limit, address) => {
      refused.inc({ server, limit });
      tell(limit, address);
    };
  };
  const server = new GrpcServer({
    services: options.services,
    onFailure: (path, error) => options.log.error({ path, error: error.stack }, 'a call failed'),
    onDropped: (reason) => dropped.inc({ reason }),
    random: Math.random,
    connectionAgeMs: options.connectionAgeMs,
    onRefused: onRefused('grpc'),
  });
  const https = options.https ?? [];
  let serving = false;
  const admin = adminServer(() => serving && options.ready(), options.registry, onRefused('admin'));
  const adminPort = await listen(admin, options.admin);
  if (options.serveAfter !== undefined) {
    options.log.info({ adminPort }, 'live');
    await options.serveAfter;
  }
  const ports: number[] = [];
  for (const address of options.grpc) ports.push(await server.listen(address.host, address.port));
  const httpsPorts: number[] = [];
  for (const { server: httpsServer, address } of https) httpsPorts.push(await listen(httpsServer, address));
  serving = true;
  options.log.info({ ports, httpsPorts, adminPort }, 'started');
  return {
    ports,
    httpsPorts,
    adminPort,
    async stop() {
      serving = false;
      await Promise.all(https.map((service) => service.stop()));
      const closed = options.close();
      admin.close();
      admin.closeAllConnections();
      // Streams of discovery never end by themselves.
      await server.stop(stopGraceMs);
      await Promise.race([closed, setTimeoutPromise(stopGraceMs, undefined, { ref: false })]);
    },
  };
}

function listen(server: HttpServer, { host, port }: Address): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}
