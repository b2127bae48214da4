import fc from 'fast-check';
import { expect, it } from 'vitest';
import { isUnusual, pathReadings } from './path-readings.ts';

it.each([
  ['/admin', ['/admin']],
  ['/%61dmin', ['/admin']],
  ['/%7euser?q=%2f', ['/~user?q=%2f']],
  ['/%c3%a4', ['/%C3%A4']],
  ['/x%3Arun%40%2b', ['/x%3Arun%40%2B', '/x:run@+']],
  ['/x%3B/%20%25', ['/x%3B/%20%25', '/x;/%20%25', '/x/%20%25']],
  ['//admin', ['//admin', '/admin']],
  ['/./admin', ['/./admin', '/admin']],
  ['/%2e/admin', ['/./admin', '/admin']],
  ['/x/%2E%2e/admin', ['/x/../admin', '/admin']],
  ['/../admin/..', ['/../admin/..', '/']],
  ['/admin;a=1/x', ['/admin;a=1/x', '/admin/x']],
  ['/x/..;/admin', ['/x/..;/admin', '/x/../admin', '/admin']],
  ['//x/../admin', ['//x/../admin', '/x/../admin', '//admin', '/admin']],
  ['/..admin/.well-known', ['/..admin/.well-known']],
  ['/a?u=http://b/../%2f;x', ['/a?u=http://b/../%2f;x']],
  ['*', ['*']],
])('%s may be read as %j', (path, readings) => {
  expect(pathReadings(path)).toEqual(readings);
});

it.each(['/admin%2fx', '/admin%2Fx', '/x%5cadmin', '/x\\admin', '/admin%00', '/admin%', '/admin%4', '/%zz', '/%u002f'])(
  '%s is read differently by each',
  (path) => {
    expect([isUnusual(path), pathReadings(path)]).toEqual([true, undefined]);
  },
);

it('a path of very many readings is none', () => {
  expect(pathReadings('/;/b;/b%3B/.;//..//c%3a/.;/..%3b/c')).toBeUndefined();
});

it('whatever of it an application does, in whatever order, is among them, and a usual path has one', () => {
  const steps: Record<string, (path: string) => string> = {
    merge: (path) => path.replaceAll(/\/+/g, '/'),
    strip: (path) =>
      path
        .split('/')
        .map((segment) => segment.split(';')[0])
        .join('/'),
    // The URL parser of browsers and Node.
    resolve: (path) => new URL(`http://a${path}`).pathname,
  };
  const segment = fc.constantFrom('', '.', '..', 'a', 'admin', ';x', '..;x', '%2e', '%2e%2E', '%61', '.a');
  const path = fc.array(segment, { minLength: 1, maxLength: 6 }).map((segments) => `/${segments.join('/')}`);
  fc.assert(
    fc.property(path, fc.array(fc.constantFrom(...Object.keys(steps)), { maxLength: 5 }), (sent, order) => {
      const readings = pathReadings(sent);
      if (!isUnusual(sent)) expect(readings).toEqual([sent]);
      if (readings === undefined) return;
      const read = order.reduce((at, step) => steps[step](at), sent.replaceAll('%61', 'a').replaceAll(/%2e/gi, '.'));
      expect(readings).toContain(read);
    }),
    { numRuns: 5000 },
  );
});
