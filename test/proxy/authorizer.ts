import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { Metadata, Server, ServerCredentials, type ServerUnaryCall, type ServiceError, status } from '@grpc/grpc-js';
import {
  type AttributeContext,
  Authorization,
  type CheckRequest,
  type CheckResponse,
  CheckResponseSchema,
} from '../../api/gen/ext_authz_pb.js';
import { grpcService, type ServiceHandlers } from '../../api/grpc.ts';

export type CheckAnswer = MessageInitShape<typeof CheckResponseSchema>;
type Decide = (attributes: AttributeContext) => CheckAnswer | ServiceError | Promise<CheckAnswer | ServiceError>;

const allow: CheckAnswer = { status: { code: 0 } };

/** What OPA and others are to the mesh: a server of gRPC that is asked about each request. */
export class Authorizer {
  /** What it was asked since `reset`. */
  readonly asked: AttributeContext[] = [];
  /** Calls that it was told are not wanted any more. */
  cancelled = 0;
  decide: Decide = () => allow;
  private readonly server = new Server();

  async listen(host: string, port: number): Promise<void> {
    const handlers: ServiceHandlers<typeof Authorization.method> = {
      check: (call: ServerUnaryCall<CheckRequest, CheckResponse>, done) => {
        const attributes = call.request.attributes!;
        this.asked.push(attributes);
        call.on('cancelled', () => this.cancelled++);
        void Promise.resolve(this.decide(attributes)).then((answer) =>
          answer instanceof Error ? done(answer) : done(null, create(CheckResponseSchema, answer)),
        );
      },
    };
    this.server.addService(grpcService(Authorization), handlers);
    await new Promise<void>((resolve, reject) =>
      this.server.bindAsync(`${host}:${port}`, ServerCredentials.createInsecure(), (error) =>
        error === null ? resolve() : reject(error),
      ),
    );
  }

  /** Lets in all that comes, and has been asked nothing. */
  reset(): void {
    this.asked.length = 0;
    this.cancelled = 0;
    this.decide = () => allow;
  }

  stop(): void {
    this.server.forceShutdown();
  }
}

/** An error of gRPC in place of an answer. */
export const grpcError = (code: number): ServiceError =>
  Object.assign(new Error(status[code]), { code, details: '', metadata: new Metadata() });

export const denied = (value: object = {}): CheckAnswer => ({
  status: { code: 7 },
  httpResponse: { case: 'deniedResponse', value },
});

export const allowed = (value: object = {}): CheckAnswer => ({
  status: { code: 0 },
  httpResponse: { case: 'okResponse', value },
});
