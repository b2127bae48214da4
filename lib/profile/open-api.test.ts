import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openApiRoutes } from './open-api.ts';

const document = (paths: object, more: object = {}) => ({ openapi: '3.1.0', info: {}, paths, ...more });

describe('routes of an OpenAPI document', () => {
  it('are what linkerd profile writes for the document of its own test', () => {
    expect(openApiRoutes({ swagger: '2.0', paths: { '/authors/{id}': { post: { responses: { 500: {} } } } } })).toEqual(
      [
        {
          name: 'POST /authors/{id}',
          condition: { pathRegex: '/authors/[^/]*', method: 'POST' },
          responseClasses: [{ condition: { status: { min: 500, max: 500 } }, isFailure: true }],
        },
      ],
    );
  });

  it('have the tries, the time and the statuses of each operation', () => {
    const get = {
      'x-linkerd-retryable': true,
      'x-linkerd-timeout': '250ms',
      responses: { 200: {}, '5XX': {}, default: {} },
    };
    const put = { 'x-linkerd-retryable': false };
    expect(openApiRoutes(document({ '/v1.0/items': { put, get, parameters: [], 'x-owner': 'shop' } }))).toEqual([
      {
        name: 'GET /v1.0/items',
        condition: { pathRegex: '/v1\\.0/items', method: 'GET' },
        responseClasses: [
          { condition: { status: { min: 200, max: 200 } } },
          { condition: { status: { min: 500, max: 599 } }, isFailure: true },
        ],
        isRetryable: true,
        timeout: '250ms',
      },
      { name: 'PUT /v1.0/items', condition: { pathRegex: '/v1\\.0/items', method: 'PUT' } },
    ]);
  });

  it.each([
    ['of Swagger 2.0', { swagger: 2, basePath: '/api/' }, undefined, 'GET /api/items/'],
    ['that was given', { swagger: '2.0', basePath: '/api' }, '/v2', 'GET /v2/items/'],
    [
      'of neither for OpenAPI 3, whose servers are for clients outside',
      { openapi: '3.0.3', servers: [{ url: '/x' }] },
      undefined,
      'GET /items/',
    ],
  ])('are under the base path %s', (_, version, basePath, name) => {
    const routes = openApiRoutes({ ...version, paths: { '/items/': { get: {} } } }, { basePath });
    expect(routes.map((route) => route.name)).toEqual([name]);
  });

  it('are in an order in which no parameter takes what a more specific path is for', () => {
    const paths = [
      '/items/{id}',
      '/items/~own',
      '/items/{id}.json',
      '/items/new',
      '/items/{id}/parts/{part}',
      '/{any}',
    ];
    const routes = openApiRoutes(document(Object.fromEntries(paths.map((path) => [path, { get: {} }]))));
    const nameOf = (path: string) =>
      routes.find(({ condition }) => new RegExp(`^${condition.pathRegex}$`).test(path))?.name;
    expect(nameOf('/items/~own')).toBe('GET /items/~own');
    expect(nameOf('/items/new')).toBe('GET /items/new');
    expect(nameOf('/items/7.json')).toBe('GET /items/{id}.json');
    expect(nameOf('/items/7')).toBe('GET /items/{id}');
    expect(nameOf('/items/7/parts/1')).toBe('GET /items/{id}/parts/{part}');
    expect(nameOf('/orders')).toBe('GET /{any}');
  });

  it('are of operations that newer versions know, and of paths that are described elsewhere in the document', () => {
    const pathItems = { 'a/b': { query: {}, additionalOperations: { COPY: {} } } };
    expect(
      openApiRoutes(document({ '/x': { $ref: '#/components/pathItems/a~1b' } }, { components: { pathItems } })),
    ).toEqual([
      { name: 'QUERY /x', condition: { pathRegex: '/x', method: 'QUERY' } },
      { name: 'COPY /x', condition: { pathRegex: '/x', method: 'COPY' } },
    ]);
  });

  it.each([
    ['a text', 'paths', 'the document ("paths") must be an object'],
    ['no version', { paths: {} }, 'the document (swagger: undefined) must be of OpenAPI 3 or Swagger 2.0, and say so'],
    [
      'another version',
      { openapi: '4.0.0' },
      'the document (openapi: 4.0.0) must be of OpenAPI 3 or Swagger 2.0, and say so',
    ],
    ['a path without a slash', document({ items: {} }), "paths['items'] must begin with a slash"],
    ['a path of no operations', document({ '/x': [] }), "paths['/x'] (a list) must be an object"],
    [
      'an operation that is none',
      document({ '/x': { gett: {} } }),
      "paths['/x'].gett is no operation: it must be one of delete, get, head, options, patch, post, put, query, trace",
    ],
    [
      'a method that is none',
      document({ '/x': { additionalOperations: { 'A B': {} } } }),
      "paths['/x'].additionalOperations.A B must be a method of HTTP",
    ],
    ['an operation without fields', document({ '/x': { get: 'y' } }), `paths['/x'].get ("y") must be an object`],
    [
      'two paths for the same requests',
      document({ '/x/{a}': {}, '/x/{b}': {} }),
      "paths['/x/{b}'] is for the same requests as paths['/x/{a}']: describe them once",
    ],
    [
      'an extension of another type',
      document({ '/x': { get: { 'x-linkerd-retryable': 'yes' } } }),
      `paths['/x'].get.x-linkerd-retryable ("yes") must be true or false`,
    ],
    [
      'a timeout that is none',
      document({ '/x': { get: { 'x-linkerd-timeout': '3 s' } } }),
      `paths['/x'].get.x-linkerd-timeout ("3 s") must be a duration such as 250ms or 1m30s`,
    ],
    [
      'a timeout of nothing',
      document({ '/x': { get: { 'x-linkerd-timeout': '0' } } }),
      `paths['/x'].get.x-linkerd-timeout ("0") must be a duration such as 250ms or 1m30s`,
    ],
    [
      'a status that is none',
      document({ '/x': { get: { responses: { 700: {} } } } }),
      "paths['/x'].get.responses['700'] must be a status from 100 to 599, such as 404, or 5XX",
    ],
    [
      'another file',
      document({ '/x': { $ref: 'items.yaml#/x' } }),
      `paths['/x'].$ref ("items.yaml#/x") must be within the document: bundle its files first`,
    ],
    [
      'a reference to nothing',
      document({ '/x': { $ref: '#/toString' } }),
      "paths['/x'].$ref (#/toString) (nothing) must be an object",
    ],
    [
      'a path that is too long for a pattern',
      document({ [`/${'a'.repeat(300)}`]: { get: {} } }),
      'cannot be told to proxies, for it has more than 200 characters',
    ],
    [
      'a base path with a parameter',
      { swagger: '2.0', basePath: '/{v}' },
      'basePath ("/{v}") must be a path such as /v1',
    ],
  ])('are refused for %s, with the place', (_, given, message) => {
    expect(() => openApiRoutes(given)).toThrow(message);
  });

  it('fit what their templates stand for, and of one text nothing else', () => {
    const segment = fc.stringMatching(/^[a-z.+*?()|[\]^$\\-]{1,8}$/);
    fc.assert(
      fc.property(
        fc.array(fc.oneof(segment, fc.constant('{id}')), { minLength: 1, maxLength: 5 }),
        segment,
        (parts, value) => {
          const [route] = openApiRoutes(document({ [`/${parts.join('/')}`]: { get: {} } }));
          const regex = new RegExp(`^${route.condition.pathRegex}$`);
          const path = parts.map((part) => (part === '{id}' ? value : part)).join('/');
          expect(regex.test(`/${path}`)).toBe(true);
          expect(regex.test(`/${path}/more`)).toBe(false);
          expect(regex.test(`/#${path}`)).toBe(parts[0] === '{id}');
        },
      ),
    );
  });
});
