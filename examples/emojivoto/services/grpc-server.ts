import type { DescService } from '@bufbuild/protobuf';
import { Server, ServerCredentials, type UntypedServiceImplementation } from '@grpc/grpc-js';
import { host, onStop } from './environment.ts';
import { addReflection } from './reflection.ts';
import { serviceDefinition } from './service-definition.ts';

const port = 8080;

/** Serves one gRPC service in plaintext; the sidecar adds TLS. */
export function serveGrpc(service: DescService, handlers: UntypedServiceImplementation): void {
  const server = new Server();
  server.addService(serviceDefinition(service), handlers);
  addReflection(server, service);
  server.bindAsync(`${host}:${port}`, ServerCredentials.createInsecure(), (error) => {
    if (error) throw error;
    console.log(`${service.typeName} listens on ${host}:${port}`);
  });
  onStop(() => server.tryShutdown(() => process.exit(0)));
}
