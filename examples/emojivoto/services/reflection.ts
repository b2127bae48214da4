import { create, type DescFile, type DescService, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { type Server, type ServerDuplexStream, status } from '@grpc/grpc-js';
import {
  ServerReflection,
  type ServerReflectionRequest,
  type ServerReflectionResponse,
  ServerReflectionResponseSchema,
} from '../gen/grpc/reflection/v1/reflection_pb.js';
import { serviceDefinition } from './service-definition.ts';

/** Tells who asks what the messages of a service are made of: `tulle tap --bodies` does, and grpcurl. */
export function addReflection(server: Server, service: DescService): void {
  const files = withImports(service.file);
  server.addService(serviceDefinition(ServerReflection), {
    serverReflectionInfo(call: ServerDuplexStream<ServerReflectionRequest, ServerReflectionResponse>) {
      call.on('data', ({ messageRequest }: ServerReflectionRequest) => {
        const { value } = messageRequest;
        const isKnown =
          messageRequest.case === 'fileContainingSymbol'
            ? value === service.typeName
            : files.some(({ proto }) => proto.name === value);
        call.write(isKnown ? told(files) : unknown(value));
      });
      call.on('end', () => call.end());
    },
  });
}

const withImports = (file: DescFile): DescFile[] => [...new Set([file, ...file.dependencies.flatMap(withImports)])];

const told = (files: readonly DescFile[]): ServerReflectionResponse =>
  create(ServerReflectionResponseSchema, {
    messageResponse: {
      case: 'fileDescriptorResponse',
      value: { fileDescriptorProto: files.map(({ proto }) => toBinary(FileDescriptorProtoSchema, proto)) },
    },
  });

const unknown = (what = 'nothing'): ServerReflectionResponse =>
  create(ServerReflectionResponseSchema, {
    messageResponse: {
      case: 'errorResponse',
      value: { errorCode: status.NOT_FOUND, errorMessage: `${what} is not here` },
    },
  });
