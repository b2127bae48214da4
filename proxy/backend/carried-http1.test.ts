import { expect, it } from 'vitest';
import { requestOf } from '../testing/exchanges.ts';
import { carriedHttp1 } from './carried-http1.ts';

const said = (changes: Parameters<typeof requestOf>[0]) =>
  carriedHttp1(requestOf(changes)).map(({ name, value }) => `${name}: ${value}`);

it('an HTTP/1 request that is carried over HTTP/2 says so, and names its host where Linkerd’s proxy looks for it', () => {
  expect(said({ authority: 'web.shop:8080' })).toEqual(['l5d-orig-proto: HTTP/1.1', 'host: web.shop:8080']);
});

it('one in absolute-form says that too', () => {
  expect(said({ authority: 'outside.example', absoluteForm: true })).toEqual([
    'l5d-orig-proto: HTTP/1.1; absolute-form',
    'host: outside.example',
  ]);
});

it('requests to one authority share what they say, and ever new authorities fill no memory', () => {
  const first = carriedHttp1(requestOf({ authority: 'web' }));
  expect(carriedHttp1(requestOf({ authority: 'web' }))).toBe(first);
  for (let i = 0; i < 1000; i++) carriedHttp1(requestOf({ authority: `web-${i}` }));
  expect(carriedHttp1(requestOf({ authority: 'web' }))).not.toBe(first);
  const long = 'w'.repeat(300);
  expect(carriedHttp1(requestOf({ authority: long }))).not.toBe(carriedHttp1(requestOf({ authority: long })));
});
