import { create, fromBinary, toBinary, toJson } from '@bufbuild/protobuf';
import { type FileDescriptorProto, FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { Server, ServerCredentials, type ServerDuplexStream, status } from '@grpc/grpc-js';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import {
  ServerReflection,
  type ServerReflectionRequest,
  type ServerReflectionResponse,
  ServerReflectionResponseSchema,
} from '../../../api/gen/reflection_pb.js';
import { type TapEvent, TapEventSchema } from '../../../api/gen/tap_pb.js';
import { grpcService } from '../../../api/grpc.ts';
import { BodyTypes } from './body-types.ts';
import { noTypes } from './descriptors.ts';
import { reflectedTypes } from './reflection.ts';

type Call = ServerDuplexStream<ServerReflectionRequest, ServerReflectionResponse>;

/** A service whose request is of another file, which is of a third one. */
const files = [
  { name: 'shop/cart.proto', package: 'shop', dependency: ['shop/item.proto'] },
  { name: 'shop/item.proto', package: 'shop', dependency: ['shop/price.proto'], syntax: 'proto3' },
  { name: 'shop/price.proto', package: 'shop' },
].map((file) => create(FileDescriptorProtoSchema, { syntax: 'proto3', ...file }));
const [cart, item, price] = files as [FileDescriptorProto, FileDescriptorProto, FileDescriptorProto];
cart.service = create(FileDescriptorProtoSchema, {
  service: [{ name: 'Cart', method: [{ name: 'Add', inputType: '.shop.Item', outputType: '.shop.Price' }] }],
}).service;
item.messageType = create(FileDescriptorProtoSchema, {
  messageType: [{ name: 'Item', field: [{ name: 'price', number: 1, label: 1, type: 11, typeName: '.shop.Price' }] }],
}).messageType;
price.messageType = create(FileDescriptorProtoSchema, {
  messageType: [{ name: 'Price', field: [{ name: 'cents', number: 1, label: 1, type: 5 }] }],
}).messageType;

const told = (...of: FileDescriptorProto[]) =>
  create(ServerReflectionResponseSchema, {
    messageResponse: {
      case: 'fileDescriptorResponse',
      value: { fileDescriptorProto: of.map((file) => toBinary(FileDescriptorProtoSchema, file)) },
    },
  });
const failed = (errorMessage: string) =>
  create(ServerReflectionResponseSchema, {
    messageResponse: { case: 'errorResponse', value: { errorCode: 5, errorMessage } },
  });

/** What a server of one version answers each question. */
const tells = (call: Call): void => {
  call.on('data', ({ messageRequest }: ServerReflectionRequest) => {
    const { value } = messageRequest;
    const file =
      messageRequest.case === 'fileContainingSymbol'
        ? value === 'shop.Cart' && cart
        : files.find(({ name }) => name === value);
    call.write(file ? told(file) : failed(`${value} is not here`));
  });
  call.on('end', () => call.end());
};

async function serve(handler: (call: Call) => void, version = 'v1'): Promise<string> {
  const server = new Server();
  const definition = grpcService(ServerReflection);
  for (const method of Object.values(definition))
    (method as { path: string }).path = method.path.replace('.v1.', `.${version}.`);
  server.addService(definition, { serverReflectionInfo: handler } as never);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, at) =>
      error ? reject(error) : resolve(at),
    );
  });
  onTestFinished(() => server.forceShutdown());
  return `127.0.0.1:${port}`;
}

const refusal = (address: string, timeoutMs = 5000): Promise<string> =>
  reflectedTypes(address, 'shop.Cart', timeoutMs).then(
    () => 'told',
    ({ message }: Error) => message,
  );

describe('a server', () => {
  it.each(['v1', 'v1alpha'])('of %s tells the types of a service, with all that they are made of', async (version) => {
    const types = await reflectedTypes(await serve(tells, version), 'shop.Cart', 5000);
    const { input } = types.getService('shop.Cart')!.methods[0];
    expect(toJson(input, fromBinary(input, Buffer.from([10, 2, 8, 42])))).toEqual({ price: { cents: 42 } });
  });

  it('that leaves names to who reads them, as those of Node do, is understood', async () => {
    const file = create(FileDescriptorProtoSchema, {
      ...{ name: 'a', package: 'a.b', syntax: 'proto3' },
      service: [{ name: 'S', method: [{ name: 'Do', inputType: 'M', outputType: 'b.M.Inner' }] }],
      messageType: [
        {
          name: 'M',
          field: [
            { name: 'inner_one', number: 1, label: 1, type: 11, typeName: 'Inner' },
            { name: 'outer', number: 2, label: 1, type: 11, typeName: 'M' },
            { name: 'kind', number: 3, label: 1, type: 14, typeName: 'Kind' },
          ],
          nestedType: [{ name: 'Inner', field: [{ name: 'of', number: 1, label: 1, type: 11, typeName: 'a.b.M' }] }],
        },
      ],
      enumType: [{ name: 'Kind', value: [{ name: 'NONE' }, { name: 'ONE', number: 1 }] }],
    });
    const types = await reflectedTypes(
      await serve((call) => call.on('data', () => call.write(told(file)))),
      'a.b.S',
      5000,
    );
    const { input, output } = types.getService('a.b.S')!.methods[0];
    expect(output.typeName).toBe('a.b.M.Inner');
    const bytes = Buffer.from([10, 4, 10, 2, 24, 1]);
    expect(toJson(input, fromBinary(input, bytes))).toEqual({ innerOne: { of: { kind: 'ONE' } } });
  });

  it('that tells all of them at once is asked once', async () => {
    let asked = 0;
    const address = await serve((call) => {
      call.on('data', () => {
        asked++;
        call.write(told(price, item, cart));
      });
      call.on('end', () => call.end());
    });
    expect((await reflectedTypes(address, 'shop.Cart', 5000)).getMessage('shop.Item')).toBeDefined();
    expect(asked).toBe(1);
  });

  it('that knows no such service, and one that knows no reflection, say so', async () => {
    expect(await refusal(await serve((call) => call.on('data', () => call.write(failed('not found'))) as never))).toBe(
      'not found',
    );
    expect(await refusal(await serve(tells, 'v2'))).toBe('it has no server reflection');
    expect(await refusal('127.0.0.1:1')).toMatch(/ECONNREFUSED|No connection/);
  });
});

describe('a server that means no good', () => {
  it.each<[string, (call: Call) => void, RegExp]>([
    ['says nothing', () => {}, /eadline/],
    ['ends at once', (call) => call.end(), /does not answer/],
    [
      'tells of files that are none',
      (call) => call.on('data', () => call.write(toldBytes(Buffer.from([0xff])))),
      /EOF|invalid|wire/,
    ],
    [
      'tells of files without an end',
      (call) => call.on('data', () => call.write(told(endless()))),
      /more than 500 files/,
    ],
    [
      'tells of files that need each other',
      (call) => call.on('data', () => call.write(told(...circle()))),
      /does not fit together/,
    ],
    ['tells of another service', (call) => call.on('data', () => call.write(told(price))), /has no shop.Cart/],
    [
      'tells of types that there are not',
      (call) => call.on('data', () => call.write(told(untyped()))),
      /does not fit together/,
    ],
    [
      'tells of names without an end',
      (call) => call.on('data', () => call.write(told(long()))),
      /more than 512 characters/,
    ],
    ['fails', (call) => call.emit('error', { code: status.INTERNAL, details: 'broken' }), /broken/],
  ])('and %s is given up', async (what, handler, message) => {
    expect(await refusal(await serve(handler as never), what === 'says nothing' ? 400 : 10_000)).toMatch(message);
  });

  let count = 0;
  afterEach(() => {
    count = 0;
  });
  const endless = () => create(FileDescriptorProtoSchema, { name: `${count++}.proto`, dependency: [`${count}.proto`] });
  const toldBytes = (bytes: Uint8Array) =>
    create(ServerReflectionResponseSchema, {
      messageResponse: { case: 'fileDescriptorResponse', value: { fileDescriptorProto: [bytes] } },
    });
  const circle = () => [
    create(FileDescriptorProtoSchema, { ...cart, dependency: ['b'] }),
    create(FileDescriptorProtoSchema, { name: 'b', dependency: ['shop/cart.proto'] }),
  ];
  const long = () => create(FileDescriptorProtoSchema, { ...cart, dependency: [], package: 'a.'.repeat(100_000) });
  const untyped = () => create(FileDescriptorProtoSchema, { ...cart, dependency: [] });
});

describe('types of bodies', () => {
  const event = (port: number) =>
    create(TapEventSchema, { destination: { ip: { ip: { case: 'ipv4', value: 0x7f00_0001 } }, port } });
  const path = '/shop.Cart/Add';

  it('are asked of a server once for each service, and of another server again', async () => {
    const address = await serve(tells);
    let asked = 0;
    const types = new BodyTypes({
      known: noTypes,
      wayTo: async () => {
        asked++;
        return { address, problem: () => undefined, close: () => {} };
      },
      onProblem: () => {},
    });
    const first = await types.of(event(80), path);
    expect(first.getService('shop.Cart')).toBeDefined();
    expect(types.of(event(80), path)).toBe(first);
    await types.of(event(81), path);
    expect(asked).toBe(2);
  });

  it('are those of one server alone, at addresses of IPv6, too', async () => {
    const asked: TapEvent[] = [];
    const types = new BodyTypes({
      known: noTypes,
      wayTo: async (event) => {
        asked.push(event);
        throw new Error('nobody is there');
      },
      onProblem: () => {},
    });
    const at = (last: bigint) =>
      create(TapEventSchema, { destination: { ip: { ip: { case: 'ipv6', value: { first: 0xfd00n << 48n, last } } } } });
    const [one, other] = [at(1n), at(2n)];
    for (const event of [one, other, one, other]) await types.of(event, path);
    expect(asked).toEqual([one, other]);
  });

  it('that are not told are said once, and not asked for again', async () => {
    const problems: string[] = [];
    const types = new BodyTypes({
      known: noTypes,
      wayTo: async () => ({ address: '127.0.0.1:1', problem: () => 'forbidden', close: () => {} }),
      onProblem: (message) => problems.push(message),
    });
    const none = await types.of(event(80), path);
    await types.of(event(81), path);
    expect(types.of(event(80), path)).toBe(none);
    expect(problems).toEqual([
      'messages of shop.Cart are shown by field, since no server told their types (--descriptors gives them): forbidden',
    ]);
  });

  it('that are known are asked of nobody, nor those of what names no service', async () => {
    const known = await reflectedTypes(await serve(tells), 'shop.Cart', 5000);
    const fails = async () => {
      throw new Error('asked');
    };
    const types = new BodyTypes({ known, wayTo: fails, onProblem: () => {} });
    expect(types.of(event(80), path)).toBe(known);
    expect(types.of(event(80), '/a b/c')).toBe(known);
    expect(new BodyTypes({ known: noTypes, wayTo: undefined, onProblem: () => {} }).of(event(80), path)).toBe(noTypes);
  });
});
