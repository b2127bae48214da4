import { type DescMessage, type DescService, fromBinary, type MessageShape, toBinary } from '@bufbuild/protobuf';
import {
  type Client,
  credentials,
  Metadata,
  makeClientConstructor,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';

/** What @grpc/grpc-js needs to serve or call a generated service; methods have their local names (`listAll`). */
export function serviceDefinition(service: DescService): ServiceDefinition<UntypedServiceImplementation> {
  const encode = (schema: DescMessage) => (message: MessageShape<DescMessage>) =>
    Buffer.from(toBinary(schema, message));
  const decode = (schema: DescMessage) => (bytes: Buffer) => fromBinary(schema, bytes);
  return Object.fromEntries(
    service.methods.map((method) => [
      method.localName,
      {
        path: `/${service.typeName}/${method.name}`,
        requestStream: method.methodKind === 'client_streaming' || method.methodKind === 'bidi_streaming',
        responseStream: method.methodKind === 'server_streaming' || method.methodKind === 'bidi_streaming',
        requestSerialize: encode(method.input),
        requestDeserialize: decode(method.input),
        responseSerialize: encode(method.output),
        responseDeserialize: decode(method.output),
      },
    ]),
  );
}

const deadlineMs = 5000;

/** Calls unary methods of a service at `address`; the mesh adds encryption. Calls reject with a grpc-js ServiceError. */
export class UnaryClient {
  private readonly client: Client;
  private readonly definition: ServiceDefinition;

  constructor(service: DescService, address: string) {
    this.definition = serviceDefinition(service);
    this.client = new (makeClientConstructor(this.definition, service.typeName))(address, credentials.createInsecure());
  }

  call<Input extends DescMessage, Output extends DescMessage>(
    method: { localName: string; input: Input; output: Output },
    request: MessageShape<Input>,
    metadata = new Metadata(),
  ): Promise<MessageShape<Output>> {
    const { path, requestSerialize, responseDeserialize } = this.definition[method.localName];
    return new Promise((resolve, reject) => {
      this.client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize as (bytes: Buffer) => MessageShape<Output>,
        request,
        metadata,
        { deadline: Date.now() + deadlineMs },
        (error, response) => (error ? reject(error) : resolve(response!)),
      );
    });
  }
}
