/** Serves and calls the generated services with @grpc/grpc-js. */
import {
  type DescMessage,
  type DescMethod,
  type DescService,
  fromBinary,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import type { GenService, GenServiceMethods } from '@bufbuild/protobuf/codegenv2';
import {
  Client,
  type ClientReadableStream,
  type ClientUnaryCall,
  type handleServerStreamingCall,
  type handleUnaryCall,
  type Metadata,
  type MethodDefinition,
  type requestCallback,
  type ServiceDefinition,
} from '@grpc/grpc-js';

type InputOf<Method> = Method extends { input: infer Input extends DescMessage } ? MessageShape<Input> : never;
type OutputOf<Method> = Method extends { output: infer Output extends DescMessage } ? MessageShape<Output> : never;

/** Handlers of a service, by the local name of the method: `getProfile` for `GetProfile`. */
export type ServiceHandlers<Methods extends GenServiceMethods> = {
  [Name in keyof Methods]: Methods[Name]['methodKind'] extends 'unary'
    ? handleUnaryCall<InputOf<Methods[Name]>, OutputOf<Methods[Name]>>
    : handleServerStreamingCall<InputOf<Methods[Name]>, OutputOf<Methods[Name]>>;
};

/** The definition that `server.addService` of @grpc/grpc-js takes; handlers are keyed by local name. */
export function grpcService(service: DescService): ServiceDefinition {
  return Object.fromEntries(service.methods.map((method) => [method.localName, definition(method)]));
}

/** A client of any number of services over one connection. */
export class GrpcClient extends Client {
  readonly #definitions = new Map<DescMethod, MethodDefinition<unknown, unknown>>();

  /** Calls a unary method. `callback` is called exactly once. */
  unary<Input extends DescMessage, Output extends DescMessage>(
    method: DescMethod & { methodKind: 'unary'; input: Input; output: Output },
    request: MessageShape<Input>,
    options: { metadata: Metadata; deadlineMs: number },
    callback: requestCallback<MessageShape<Output>>,
  ): ClientUnaryCall {
    const { path, requestSerialize, responseDeserialize } = this.#definition(method);
    return this.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize as (bytes: Buffer) => MessageShape<Output>,
      request,
      options.metadata,
      { deadline: options.deadlineMs },
      callback,
    );
  }

  /** Opens a server stream; it ends with `status` or `error`, as every stream of @grpc/grpc-js does. */
  stream<Input extends DescMessage, Output extends DescMessage>(
    method: DescMethod & { methodKind: 'server_streaming'; input: Input; output: Output },
    request: MessageShape<Input>,
  ): ClientReadableStream<MessageShape<Output>> {
    const { path, requestSerialize, responseDeserialize } = this.#definition(method);
    return this.makeServerStreamRequest(
      path,
      requestSerialize,
      responseDeserialize as (bytes: Buffer) => MessageShape<Output>,
      request,
    );
  }

  #definition(method: DescMethod): MethodDefinition<unknown, unknown> {
    let found = this.#definitions.get(method);
    if (found === undefined) {
      found = definition(method);
      this.#definitions.set(method, found);
    }
    return found;
  }
}

function definition(method: DescMethod): MethodDefinition<unknown, unknown> {
  // A message for many streams is encoded once by who sends it.
  const encode = (schema: DescMessage) => (message: unknown) =>
    Buffer.isBuffer(message) ? message : Buffer.from(toBinary(schema, message as MessageShape<DescMessage>));
  const decode = (schema: DescMessage) => (bytes: Buffer) => fromBinary(schema, bytes);
  return {
    path: `/${method.parent.typeName}/${method.name}`,
    requestStream: method.methodKind === 'client_streaming' || method.methodKind === 'bidi_streaming',
    responseStream: method.methodKind === 'server_streaming' || method.methodKind === 'bidi_streaming',
    requestSerialize: encode(method.input),
    requestDeserialize: decode(method.input),
    responseSerialize: encode(method.output),
    responseDeserialize: decode(method.output),
  };
}

/** Types the handlers of a service against its generated description. */
export function grpcHandlers<Methods extends GenServiceMethods>(
  _service: GenService<Methods>,
  handlers: ServiceHandlers<Methods>,
): ServiceHandlers<Methods> {
  return handlers;
}
