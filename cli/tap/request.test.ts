import { expect, it } from 'vitest';
import { observeRequest } from '../../api/tap/observe-request.ts';
import { paceOf } from '../../api/tap/pace.ts';
import { type TapOptions, tapRequest } from './request.ts';

const read = (options: Partial<TapOptions> = {}, resource = ['deploy/web']) =>
  tapRequest(resource, { maxRps: '100', ...options }, 'shop', false);
const matches = (options: Partial<TapOptions>) => {
  const { match } = observeRequest(read(options));
  return match?.match.case === 'all' ? match.match.value.matches.map((part) => part.match) : [];
};

it('names whose sidecars are meant', () => {
  expect(read().target?.resource).toMatchObject({ type: 'deployment', name: 'web', namespace: 'shop' });
  expect(read({}, ['ns', 'other']).target?.resource).toMatchObject({ type: 'namespace', name: 'other', namespace: '' });
  expect(read({}, ['sts']).target?.resource).toMatchObject({ type: 'statefulset', name: '' });
});

it('asks proxies for what the options say', () => {
  expect(matches({})).toEqual([]);
  expect(matches({ method: 'post', path: '/a', authority: 'web:80', scheme: 'HTTP' })).toMatchObject([
    { case: 'http', value: { match: { case: 'scheme', value: { type: { case: 'registered', value: 0 } } } } },
    { case: 'http', value: { match: { case: 'method', value: { type: { case: 'registered', value: 1 } } } } },
    { case: 'http', value: { match: { case: 'authority', value: { match: { case: 'exact', value: 'web:80' } } } } },
    { case: 'http', value: { match: { case: 'path', value: { match: { case: 'prefix', value: '/a' } } } } },
  ]);
  const label = (key: string, value: string) => ({ match: { case: 'destinationLabel', value: { key, value } } });
  const to = (...labels: object[]) => [{ case: 'all', value: { matches: labels } }];
  expect(matches({ to: 'svc/db' })).toMatchObject(to(label('service', 'db'), label('namespace', 'shop')));
  expect(matches({ to: 'job/x', toNamespace: 'b' })).toMatchObject(to(label('k8s_job', 'x'), label('namespace', 'b')));
  expect(matches({ to: 'ns/b' })).toMatchObject(to(label('namespace', 'b')));
  expect(matches({ toNamespace: 'b' })).toMatchObject(to(label('namespace', 'b')));
  expect(matches({ header: ['x-user: anna', 'x-b'], status: '5xx', grpcStatus: '1-16' })).toMatchObject([
    {
      value: { match: { case: 'requestHeader', value: { name: 'x-user', value: { case: 'prefix', value: 'anna' } } } },
    },
    { value: { match: { case: 'requestHeader', value: { name: 'x-b', value: { case: undefined } } } } },
    { value: { match: { case: 'status', value: { min: 500, max: 599 } } } },
    { value: { match: { case: 'grpcStatus', value: { min: 1, max: 16 } } } },
  ]);
  expect(read({ sample: '0.25' }).options?.sample).toMatchObject({ numerator: 250_000, denominator: 1_000_000 });
});

it('says in a line what it cannot read', () => {
  const cases: [Partial<TapOptions>, string][] = [
    [{ maxRps: 'many' }, '--max-rps (many) must be a number above 0, and 100000 at most'],
    [{ maxRps: '1e9' }, '--max-rps (1e9) must be a number above 0, and 100000 at most'],
    [{ status: '6xx' }, '--status (6xx) must be a status or a range of them within 100-599'],
    [{ status: '500-400' }, '--status (500-400) must be a status or a range of them within 100-599'],
    [{ grpcStatus: '17' }, '--grpc-status (17) must be a status or a range of them within 0-16'],
    [{ header: [': x'] }, '--header (: x) must be the name of a field, or name:prefix'],
    [{ sample: '2' }, '--sample (2) must be a number up to 1'],
    [{ sample: '0' }, '--sample (0) must be a number up to 1, and a millionth at least'],
    [{ sample: 'x' }, '--sample (x) must be'],
    [{ to: 'house/x' }, "'house' must be a kind of resource"],
  ];
  for (const [options, message] of cases) expect(() => read(options)).toThrow(message);
  expect(() => read({}, ['ns'])).toThrow("'ns' must have a name: ns/shop");
});

it('shares the rate out among pods, also where there are more pods than requests in a second', () => {
  expect(paceOf(90, 3)).toEqual({ limit: 30, windowMs: 1000 });
  expect(paceOf(100, 3).windowMs).toBeCloseTo(990);
  expect(paceOf(0, 1)).toEqual({ limit: 100, windowMs: 1000 });
  expect(paceOf(1, 4)).toEqual({ limit: 1, windowMs: 4000 });
  expect(paceOf(Number.NaN, 1)).toEqual({ limit: 100, windowMs: 1000 });
});
