import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HeaderValueOption_HeaderAppendAction as Action, CheckResponseSchema } from '../../api/gen/ext_authz_pb.js';
import { requestOf } from '../testing/exchanges.ts';
import { Field, marksOfAll } from '../wire/field.ts';
import { responseHead } from '../wire/heads.ts';
import { readAnswer } from './check-answer.ts';
import type { CheckPolicy } from './check-policy.ts';
import { allowedHead, withResponseFields } from './heads.ts';

const policy: CheckPolicy = {
  labels: { group: 'tulle.dev', kind: 'externalauthorization', name: 'opa' },
  authority: 'opa.policy.svc.cluster.local:9191',
  timeoutMs: 200,
  failOpen: true,
  sentHeaders: undefined,
  headersToBackend: new Set(['x-user', 'x-role']),
  contextExtensions: {},
  unusable: undefined,
};
type Init = MessageInitShape<typeof CheckResponseSchema>;
const read = (answer: Init, grpc = false) =>
  readAnswer(toBinary(CheckResponseSchema, create(CheckResponseSchema, answer)), policy, grpc);
const header = (key: string, value = 'v', more: object = {}) => ({ header: { key, value }, ...more });
const ok = (value: object): Init => ({ status: { code: 0 }, httpResponse: { case: 'okResponse', value } });
const denied = (value: object): Init => ({ status: { code: 7 }, httpResponse: { case: 'deniedResponse', value } });
const shown = (fields: readonly Field[]) => fields.map(({ name, value }) => `${name}: ${value}`);

/** What becomes of a request with `fields`. */
function requestAfter(answer: Init, ...fields: Field[]) {
  const verdict = read(answer);
  if (verdict.decision !== 'allowed') throw new Error(verdict.decision);
  return shown(allowedHead(requestOf({ fields, marks: marksOfAll(fields) }), verdict).fields);
}

/** What a client is told that is refused. */
function refusal(answer: Init, grpc = false) {
  const verdict = read(answer, grpc);
  if (verdict.decision !== 'denied') throw new Error(verdict.decision);
  const { status, grpcStatus, message, fields, body } = verdict.answer;
  return { status, grpcStatus, message, fields: shown(fields), body: body && Buffer.from(body).toString() };
}

describe('an answer that lets in', () => {
  it('needs no more than the status 0, or none', () => {
    expect([read({}).decision, read({ status: { code: 0 } }).decision, read(ok({})).decision]).toEqual([
      'allowed',
      'allowed',
      'allowed',
    ]);
  });

  it('sets the headers that it may set, in place of those of that name, and takes off those that it names', () => {
    const answer = ok({ headers: [header('X-User', 'ann')], headersToRemove: ['Authorization'] });
    const fields = [new Field('x-user', 'old'), new Field('authorization', 'secret'), new Field('accept', '*/*')];
    expect(requestAfter(answer, ...fields)).toEqual(['accept: */*', 'x-user: ann']);
  });

  it('adds to those that it has set where it says so', () => {
    const headers = [
      header('x-role', 'a'),
      header('x-role', 'b', { append: true }),
      header('x-user', '1'),
      header('x-user', '2'),
    ];
    expect(requestAfter(ok({ headers }))).toEqual(['x-role: a', 'x-role: b', 'x-user: 2']);
  });

  it.each([
    ['another name than those of headersToBackend', 'x-other', 'v'],
    ['a pseudo-header', ':path', '/admin'],
    ['the host', 'host', 'bank'],
    ['what frames a body', 'Content-Length', '0'],
    ['the same', 'transfer-encoding', 'chunked'],
    ['what belongs to a connection', 'connection', 'close'],
    ['what the mesh says', 'l5d-client-id', 'root'],
    ['no name', '', 'v'],
    ['a name with a line break', 'x-user\r\nx', 'v'],
    ['a value with a line break', 'x-user', 'a\r\nx-admin: 1'],
    ['a value with a NUL', 'x-user', 'a\0b'],
  ])('cannot write %s, which is left out and counted', (_, key, value) => {
    const verdict = read(ok({ headers: [header(key, value)] }));
    expect(verdict).toMatchObject({ decision: 'allowed', set: [], leftOut: 1 });
  });

  it('cannot take off what frames a message', () => {
    expect(read(ok({ headersToRemove: ['host', ':path', 'content-length', 'l5d-x', 'cookie'] }))).toMatchObject({
      removed: new Set(['cookie']),
      leftOut: 4,
    });
  });

  it('adds to the response, or overwrites what is there', () => {
    const responseHeadersToAdd = [
      header('set-cookie', 'a=1'),
      header('set-cookie', 'b=2'),
      header('server', 'mesh', { appendAction: Action.OVERWRITE_IF_EXISTS_OR_ADD }),
      header('x-a', 'b', { append: false }),
    ];
    const verdict = read(ok({ responseHeadersToAdd }));
    if (verdict.decision !== 'allowed') throw new Error(verdict.decision);
    const head = responseHead(200, -1, [new Field('server', 'nginx'), new Field('x-a', 'a'), new Field('etag', '1')]);
    expect(shown(withResponseFields(undefined, verdict.response).applyToResponse(head, requestOf()).fields)).toEqual([
      ...['etag: 1', 'set-cookie: a=1', 'set-cookie: b=2', 'server: mesh', 'x-a: b'],
    ]);
    expect(verdict.response[0].field.sensitive).toBe(true);
  });

  it.each([
    ['changes the query', { queryParametersToSet: [{ key: 'a', value: 'b' }] }],
    ['takes off a part of the query', { queryParametersToRemove: ['a'] }],
    ['has too many fields', { headers: Array.from({ length: 65 }, () => header('x-user')) }],
    ['has fields that are too long', { responseHeadersToAdd: [header('x-a', 'x'.repeat(17_000))] }],
    ['takes off too many', { headersToRemove: Array.from({ length: 65 }, (_, i) => `x-${i}`) }],
  ])('that %s cannot be carried out', (_, value) => {
    expect(read(ok(value))).toMatchObject({ decision: 'unreadable' });
  });
});

describe('an answer that refuses', () => {
  it('is 403 where it says no more', () => {
    const plain = {
      status: 403,
      grpcStatus: 7,
      fields: [],
      body: undefined,
      message: 'the authorizer refused the request',
    };
    expect([refusal({ status: { code: 7 } }), refusal({ status: { code: 16 } }), refusal(denied({}))]).toEqual([
      plain,
      plain,
      plain,
    ]);
    // Also where it contradicts itself.
    expect(refusal({ status: { code: 7 }, httpResponse: { case: 'okResponse', value: {} } })).toEqual(plain);
  });

  it('has its status, fields and body', () => {
    const value = { status: { code: 401 }, headers: [header('WWW-Authenticate', 'Basic')], body: 'wér?' };
    expect(refusal(denied(value))).toMatchObject({
      status: 401,
      fields: ['www-authenticate: Basic', 'content-type: text/plain; charset=utf-8'],
      body: 'wér?',
    });
    const json = { headers: [header('content-type', 'application/json')], body: '{}' };
    expect(refusal(denied(json))).toMatchObject({ status: 403, fields: ['content-type: application/json'] });
  });

  it('is told to gRPC by the status that matches, and its body as the message', () => {
    const value = {
      status: { code: 401 },
      headers: [header('content-type', 'text/html'), header('grpc-status', '0'), header('x-a')],
      body: 'who are yöu\n100%?',
    };
    expect(refusal(denied(value), true)).toEqual({
      status: 401,
      grpcStatus: 16,
      fields: ['x-a: v'],
      message: 'who are y%C3%B6u%0A100%25?',
      body: undefined,
    });
  });

  it.each([200, 0, 100, 204, 304, 600, -1, 2 ** 31 - 1])(
    'with the status %d is 403: nobody is told it went well',
    (code) => {
      expect(refusal(denied({ status: { code } })).status).toBe(403);
    },
  );

  it('may send somebody to sign in', () => {
    expect(refusal(denied({ status: { code: 302 }, headers: [header('location', '/login')] }))).toMatchObject({
      status: 302,
      fields: ['location: /login'],
    });
  });

  it('refuses, too, with more than is taken of it, which is left out', () => {
    const headers = Array.from({ length: 1000 }, (_, i) => header(`x-${i}`));
    const verdict = read(denied({ headers, body: 'x'.repeat(200_000) }));
    expect(verdict).toMatchObject({ decision: 'denied', leftOut: 936 });
    expect(refusal(denied({ headers, body: 'x'.repeat(200_000) })).body).toHaveLength(64 * 1024);
  });
});

it('any bytes are an answer or unreadable, and none that was refused lets in', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      expect(['allowed', 'denied', 'unreadable']).toContain(readAnswer(bytes, policy, false).decision);
    }),
  );
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1000 }), fc.string(), fc.string(), (code, key, value) => {
      const verdict = read({
        status: { code },
        httpResponse: { case: 'okResponse', value: { headers: [header(key, value)] } },
      });
      expect(verdict.decision).toBe('denied');
    }),
  );
});
