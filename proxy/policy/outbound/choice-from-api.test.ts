import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { beforeEach, describe, expect, it } from 'vitest';
import { EndpointChoiceSchema, type SessionAffinity_SessionSchema } from '../../../api/gen/tulle_pb.js';
import { choiceToApi } from '../../../control-plane/policy/outbound/settings-to-api.ts';
import { trafficSettings } from '../../../lib/contract/traffic-annotations.ts';
import { choiceFromApi } from './choice-from-api.ts';

let unread: string[];
beforeEach(() => {
  unread = [];
});
const read = (choice: MessageInitShape<typeof EndpointChoiceSchema> | undefined) =>
  choiceFromApi(choice && create(EndpointChoiceSchema, choice), (why) => unread.push(why));

describe('what annotations of a Service say, read as the control plane sends it', () => {
  const settings = (annotations: Record<string, string>) => read(choiceToApi(trafficSettings(annotations)));
  const affinity = (text: string) => settings({ 'balancer.tulle.dev/affinity': text }).affinity?.key;

  it('nothing: endpoints are chosen by load alone', () => {
    expect(settings({})).toEqual({ affinity: undefined, zones: undefined });
  });

  it.each([
    ['header:X-User', { kind: 'header', name: 'x-user' }],
    ['query:user', { kind: 'query', name: 'user' }],
    ['source-ip', { kind: 'source' }],
    ['cookie:s', { kind: 'cookie', name: 's', made: undefined }],
    ['cookie:s;ttl=0', { kind: 'cookie', name: 's', made: { ttlS: 0, path: undefined } }],
    ['cookie:s;ttl=1500ms;path=/a', { kind: 'cookie', name: 's', made: { ttlS: 2, path: '/a' } }],
  ])('%s', (text, key) => {
    expect(affinity(text)).toEqual(key);
  });

  it('bounds of load', () => {
    const found = settings({
      'balancer.tulle.dev/affinity': 'source-ip',
      'balancer.tulle.dev/affinity-max-load': '1.5',
      'balancer.tulle.dev/zones': 'prefer',
      'balancer.tulle.dev/zones-max-load': '8',
    });
    expect(found).toEqual({ affinity: { key: { kind: 'source' }, maxLoad: 1.5 }, zones: { maxLoad: 8 } });
  });
});

describe('sessions of a rule', () => {
  const session = (value: MessageInitShape<typeof SessionAffinity_SessionSchema>) =>
    read({ affinity: { key: { case: 'session', value } } }).affinity;
  const absoluteTimeout = durationFromMs(90_500);

  it('are read', () => {
    const cookie = { name: 'seat', ttl: absoluteTimeout, path: '/a' };
    expect(session({ carrier: { case: 'cookie', value: cookie }, absoluteTimeout })).toEqual({
      key: { kind: 'session', carrier: { kind: 'cookie', name: 'seat', keptS: 91, path: '/a' }, timeoutS: 91 },
      maxLoad: undefined,
    });
    expect(session({ carrier: { case: 'header', value: 'X-Seat' } })?.key).toEqual({
      ...{ kind: 'session', timeoutS: undefined },
      carrier: { kind: 'header', name: 'x-seat' },
    });
    expect(unread).toEqual([]);
  });

  it.each<[string, MessageInitShape<typeof SessionAffinity_SessionSchema>]>([
    ['are brought back by nothing', {}],
    ['have a header of framing', { carrier: { case: 'header', value: 'content-length' } }],
    ['have a header that is none', { carrier: { case: 'header', value: 'a\r\nb' } }],
    ['have all cookies', { carrier: { case: 'header', value: 'set-cookie' } }],
    ['have a cookie that is none', { carrier: { case: 'cookie', value: { name: 'a;b', path: '/' } } }],
    ['have a path with more', { carrier: { case: 'cookie', value: { name: 'a', path: '/; Domain=x' } } }],
    ['have no path', { carrier: { case: 'cookie', value: { name: 'a', path: '' } } }],
    ['last no time', { carrier: { case: 'header', value: 'x-a' }, absoluteTimeout: durationFromMs(0) }],
    ['last 1,000 years', { carrier: { case: 'header', value: 'x-a' }, absoluteTimeout: durationFromMs(3e13) }],
  ])('that %s are none, and told of', (_what, value) => {
    expect(session(value)).toBeUndefined();
    expect(unread).toEqual([expect.stringMatching(/^session persistence /)]);
  });
});

it.each([
  ['of no kind', { case: undefined }, 'session affinity has no key that this proxy knows'],
  ['by no header', { case: 'header', value: 'a b' }, 'session affinity must name a header that requests bring'],
  [
    'by a header of proxies',
    { case: 'header', value: 'l5d-x' },
    'session affinity must name a header that requests bring',
  ],
  [
    'by no cookie',
    { case: 'cookie', value: { name: 'a\r\nb' } },
    'session affinity must name a cookie in at most 256 characters',
  ],
  [
    'by a cookie of another path',
    { case: 'cookie', value: { name: 'a', ttl: durationFromMs(1000), path: '/;x' } },
    'session affinity must have a path in ASCII that begins with / and has no ;',
  ],
  [
    'by a cookie of the past',
    { case: 'cookie', value: { name: 'a', ttl: durationFromMs(-1000) } },
    'session affinity must have a ttl of at most 400d',
  ],
] as const)('a key %s is none', (_, key, why) => {
  expect(read({ affinity: { key } })).toEqual({ affinity: undefined, zones: undefined });
  expect(unread).toEqual([why]);
});

it.each([0.5, 101, Number.NaN, -1, Number.POSITIVE_INFINITY])('a bound of %s is none', (maxLoad) => {
  const { affinity } = read({ affinity: { key: { case: 'sourceIp', value: {} }, maxLoad } });
  expect(affinity).toEqual({ key: { kind: 'source' }, maxLoad: undefined });
  expect(unread).toHaveLength(1);
});

it('zones have the default bound where theirs cannot hold', () => {
  expect(read({ zones: { maxLoad: -3 } }).zones).toEqual({ maxLoad: 2 });
  expect(unread).toEqual(['the load that zones may bring about must be from 0.1 to 10000, and is -3']);
});
