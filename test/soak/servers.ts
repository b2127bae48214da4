import type { Server } from 'node:http';
import type { EchoServer } from '../clients/echo.ts';
import { grpcJsServer } from '../clients/grpc-js-echo.ts';
import { http1Server } from '../clients/http1-server.ts';
import type { TestMesh } from '../proxy/test-mesh.ts';

export const ports = { http: 8080, grpc: 8081, tcp: 9000 } as const;

/** The application of one pod, which can be restarted. */
export class Application {
  private readonly mesh: TestMesh;
  private readonly workload: string;
  private http: Server | undefined = undefined;
  private grpc: EchoServer | undefined = undefined;

  constructor(mesh: TestMesh, workload: string) {
    this.mesh = mesh;
    this.workload = workload;
  }

  async start(): Promise<void> {
    await this.startHttp();
    await this.mesh.serveTcp(this.workload, ports.tcp, (socket) => socket.pipe(socket));
  }

  /** Ends HTTP and gRPC with all their connections, and starts them anew. */
  async restart(): Promise<void> {
    const { http } = this;
    this.grpc?.stop();
    await new Promise((resolve) => {
      http?.close(resolve);
      http?.closeAllConnections();
    });
    await this.startHttp();
  }

  stop(): void {
    this.grpc?.stop();
  }

  private async startHttp(): Promise<void> {
    this.http = http1Server().server;
    await this.mesh.serve(this.workload, ports.http, this.http);
    this.grpc = await grpcJsServer(`${this.mesh.ip(this.workload)}:${ports.grpc}`);
  }
}
