import {
  create,
  createFileRegistry,
  fromBinary,
  type MessageInitShape,
  type Registry,
  toBinary,
} from '@bufbuild/protobuf';
import { type FileDescriptorProto, FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { ChannelCredentials, type ClientDuplexStream, Metadata, status } from '@grpc/grpc-js';
import {
  type ServerReflectionRequest,
  ServerReflectionRequestSchema,
  type ServerReflectionResponse,
  ServerReflectionResponseSchema,
} from '../../../api/gen/reflection_pb.js';
import { GrpcClient } from '../../../api/grpc.ts';
import { complete } from './completed.ts';

/** What a server may tell: more is none of a service that anybody wrote. */
const maxFiles = 500;
const maxBytes = 8 * 1024 * 1024;
const versions = ['v1', 'v1alpha'];

type Asked = NonNullable<MessageInitShape<typeof ServerReflectionRequestSchema>['messageRequest']>;
type Call = ClientDuplexStream<ServerReflectionRequest, ServerReflectionResponse>;

/**
 * The types of a service, as the server at `address` tells them (gRPC server reflection: grpc/grpc doc/server-reflection.md).
 * Rejects with an Error that says why it does not, at the latest when `timeoutMs` are over.
 */
export async function reflectedTypes(address: string, service: string, timeoutMs: number): Promise<Registry> {
  const client = new GrpcClient(address, ChannelCredentials.createInsecure(), {
    'grpc.use_local_subchannel_pool': 1,
    'grpc.max_receive_message_length': maxBytes,
  });
  const deadline = Date.now() + timeoutMs;
  try {
    for (const version of versions) {
      const files = await filesOf(callOf(client, version, deadline), service);
      if (files !== undefined) return registryOf(files, service);
    }
    throw new Error('it has no server reflection');
  } finally {
    client.close();
  }
}

function callOf(client: GrpcClient, version: string, deadline: number): Call {
  return client.makeBidiStreamRequest(
    `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`,
    (request: ServerReflectionRequest) => Buffer.from(toBinary(ServerReflectionRequestSchema, request)),
    (bytes: Buffer) => fromBinary(ServerReflectionResponseSchema, bytes),
    new Metadata(),
    { deadline },
  );
}

/** The files that a service is made of, by their names; undefined where the server knows no such call. */
function filesOf(call: Call, service: string): Promise<Map<string, FileDescriptorProto> | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<Map<string, FileDescriptorProto> | undefined>();
  const files = new Map<string, FileDescriptorProto>();
  const asked = new Set<string>();
  let bytes = 0;
  const ask = (messageRequest: Asked): void => {
    call.write(create(ServerReflectionRequestSchema, { messageRequest }));
  };
  const fail = (message: string): void => {
    reject(new Error(message));
    call.cancel();
  };
  const take = (told: readonly Uint8Array[]): void => {
    for (const file of told) {
      bytes += file.length;
      const read = fromBinary(FileDescriptorProtoSchema, file);
      files.set(read.name, read);
    }
    if (bytes > maxBytes || files.size > maxFiles) {
      throw new Error(`it tells of more than ${maxFiles} files or ${maxBytes} B`);
    }
  };
  const goOn = (): void => {
    const missing = [...files.values()]
      .flatMap(({ dependency }) => dependency)
      .find((name) => !files.has(name) && !asked.has(name));
    if (missing === undefined) {
      resolve(files);
      call.end();
    } else {
      asked.add(missing);
      ask({ case: 'fileByFilename', value: missing });
    }
  };
  call.on('data', ({ messageResponse }: ServerReflectionResponse) => {
    if (messageResponse.case === 'errorResponse') {
      fail(messageResponse.value.errorMessage || `status ${messageResponse.value.errorCode}`);
      return;
    }
    try {
      take(messageResponse.value?.fileDescriptorProto ?? []);
      goOn();
    } catch (error) {
      fail((error as Error).message);
    }
  });
  call.on('error', (error: Error & { code?: status; details?: string }) => {
    if (error.code === status.UNIMPLEMENTED) resolve(undefined);
    else reject(new Error(error.details || error.message));
  });
  call.on('end', () => reject(new Error('it does not answer what it is asked')));
  ask({ case: 'fileContainingSymbol', value: service });
  return promise;
}

function registryOf(files: ReadonlyMap<string, FileDescriptorProto>, service: string): Registry {
  complete([...files.values()]);
  const own = [...files.values()].find((file) =>
    file.service.some(({ name }) => (file.package === '' ? name : `${file.package}.${name}`) === service),
  );
  if (own === undefined) throw new Error(`what it tells has no ${service}`);
  try {
    return createFileRegistry(own, (name) => files.get(name));
  } catch (error) {
    throw new Error(`what it tells does not fit together: ${(error as Error).message || 'a type is missing'}`);
  }
}
