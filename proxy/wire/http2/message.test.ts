import { describe, expect, it } from 'vitest';
import { Field, fieldValue } from '../field.ts';
import { requestHead, trailersOf } from './message.ts';

const fieldsOf = (fields: Record<string, string>): Field[] =>
  Object.entries(fields).map(([name, value]) => new Field(name, value));
const head = (fields: Record<string, string>) =>
  requestHead(fieldsOf({ ':method': 'GET', ':scheme': 'http', ':path': '/', ...fields }));

describe('host beside :authority', () => {
  it.each([
    ['Web.Test', 'web.test', 'http'],
    ['web.test', 'WEB.test', 'http'],
    ['web.test:80', 'web.test', 'http'],
    ['web.test', 'web.test:80', 'http'],
    ['WEB.test:443', 'web.test', 'https'],
    ['[::1]:80', '[::1]', 'http'],
  ])('%s is the same as %s over %s, and goes on as :authority has it', (host, authority, scheme) => {
    expect(head({ ':authority': authority, ':scheme': scheme, host }).authority).toBe(authority);
  });

  it.each([
    ['web.test:81', 'web.test', 'http'],
    ['web.test:80', 'web.test', 'https'],
    ['web.test', 'other.test', 'http'],
    ['web.test:80', 'web.test:443', 'http'],
    ['', 'web.test', 'http'],
  ])('%s is another than %s over %s', (host, authority, scheme) => {
    expect(() => head({ ':authority': authority, ':scheme': scheme, host })).toThrow('host differs from :authority');
  });
});

describe('te', () => {
  it.each(['trailers', 'Trailers', 'TRAILERS'])('%s goes on as trailers', (te) => {
    expect(fieldValue(head({ ':authority': 'a', te }).fields, 'te')).toBe('trailers');
  });

  it('is refused with anything else', () => {
    expect(() => head({ ':authority': 'a', te: 'gzip' })).toThrow('te other than trailers');
  });

  it('in trailers is of this hop, and goes no further', () => {
    const trailers = trailersOf(fieldsOf({ 'grpc-status': '0', te: 'trailers', 'x-sum': '1' }));
    expect(trailers.map(({ name }) => name)).toEqual(['grpc-status', 'x-sum']);
  });
});
