import { fromBinary } from '@bufbuild/protobuf';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import { expect, it } from 'vitest';
import { CheckRequestSchema } from '../../api/gen/ext_authz_pb.js';
import { requestOf } from '../testing/exchanges.ts';
import { Field, marksOfAll } from '../wire/field.ts';
import type { RequestHead } from '../wire/stream.ts';
import type { CheckPolicy } from './check-policy.ts';
import { type Asked, checkRequest } from './check-request.ts';

const policy: CheckPolicy = {
  labels: { group: '', kind: '', name: '' },
  authority: 'opa',
  timeoutMs: 200,
  failOpen: false,
  sentHeaders: undefined,
  headersToBackend: new Set(),
  contextExtensions: { tenant: 'shop' },
  unusable: undefined,
};
const asked: Asked = {
  source: { address: '10.0.0.1', port: 40_000, identity: 'web.test.serviceaccount.identity.tulle.cluster.local' },
  destination: { address: '10.0.0.2', port: 8080, identity: undefined },
  version: 'http1',
  isHeadOnly: false,
  nowMs: 1_700_000_000_123,
};

function told(head: Partial<RequestHead>, changes: Partial<CheckPolicy> = {}, more: Partial<Asked> = {}) {
  const fields = head.fields ?? [];
  const whole = requestOf({ ...head, fields, marks: marksOfAll(fields) });
  const framed = checkRequest({ ...policy, ...changes }, whole, { ...asked, ...more });
  if (framed === undefined) return undefined;
  expect([framed[0], Buffer.from(framed).readUInt32BE(1)]).toEqual([0, framed.length - 5]);
  return fromBinary(CheckRequestSchema, framed.subarray(5)).attributes!;
}
const headersOf = (fields: Field[], changes: Partial<CheckPolicy> = {}) => ({
  ...told({ fields }, changes)?.request?.http?.headers,
});

it('says who asks whom for what', () => {
  const fields = [new Field('x-request-id', 'id-1'), new Field('accept', '*/*')];
  const attributes = told({ method: 'POST', path: '/a?b=%20', authority: 'web:80', contentLength: 12, fields })!;
  expect(attributes).toMatchObject({
    source: {
      address: { socketAddress: { address: '10.0.0.1', portValue: 40_000 } },
      principal: asked.source.identity,
    },
    destination: { address: { socketAddress: { address: '10.0.0.2', portValue: 8080 } }, principal: '' },
    contextExtensions: { tenant: 'shop' },
  });
  expect(attributes.request?.http).toMatchObject({
    ...{
      id: 'id-1',
      method: 'POST',
      path: '/a?b=%20',
      host: 'web:80',
      scheme: 'http',
      size: 12n,
      protocol: 'HTTP/1.1',
    },
    headers: { 'x-request-id': 'id-1', accept: '*/*' },
  });
  expect(timestampMs(attributes.request!.time!)).toBe(asked.nowMs);
  const http2 = told({}, {}, { version: 'http2', isHeadOnly: true })?.request?.http;
  expect(http2).toMatchObject({ protocol: 'HTTP/2', size: 0n });
  expect(told({})?.request?.http?.size).toBe(-1n);
});

it('joins what stands under one name as HTTP joins it, and reads bytes as UTF-8', () => {
  const fields = [
    ...[new Field('accept', 'a'), new Field('accept', 'b')],
    ...[new Field('cookie', 'a=1'), new Field('cookie', 'b=2')],
    new Field('x-name', Buffer.from('änn').toString('latin1')),
    new Field('x-bytes', 'a\xffb'),
  ];
  expect(headersOf(fields)).toEqual({ accept: 'a,b', cookie: 'a=1; b=2', 'x-name': 'änn', 'x-bytes': 'a\ufffdb' });
});

it('never tells what proxies say, or what belongs to a connection, whatever is asked for', () => {
  const names = ['l5d-client-id', 'l5d_x', 'te', 'proxy-authorization', 'x-a'];
  const fields = names.map((name) => new Field(name, 'v'));
  expect(headersOf(fields)).toEqual({ 'x-a': 'v' });
  expect(headersOf(fields, { sentHeaders: new Set(names) })).toEqual({ 'x-a': 'v' });
  expect(headersOf(fields, { sentHeaders: new Set(['x-b']) })).toEqual({});
  expect(headersOf(fields, { sentHeaders: new Set() })).toEqual({});
});

it('tells headers whatever they are called', () => {
  const fields = ['__proto__', 'constructor', 'tostring'].map((name) => new Field(name, 'v'));
  expect(Object.keys(told({ fields })!.request!.http!.headers).sort()).toEqual([
    '__proto__',
    'constructor',
    'tostring',
  ]);
});

it('cuts off nothing: what is more than is sent is not asked', () => {
  const fields = Array.from({ length: 61 }, (_, i) => new Field(`x-${i}`, 'x'.repeat(1020)));
  expect(told({ fields })).toBeUndefined();
  expect(told({ fields: fields.slice(0, 59) })).toBeDefined();
  expect(told({ fields }, { sentHeaders: new Set(['x-1']) })).toBeDefined();
});
