import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ApiDescription } from '../index.ts';

const folder = mkdtempSync(join(tmpdir(), 'tulle-description-'));
afterAll(() => rmSync(folder, { recursive: true }));
const saved = (name: string, content: string | Uint8Array): string => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};

const names = (description: ApiDescription) => description._openApiRoutes({}).map(({ name }) => name);
const routesOf = (file: string, content: string) => names(ApiDescription.file(saved(file, content)));

const swagger = `swagger: '2.0'
basePath: /v1
paths:
  /items/{id}:
    get: { responses: { '200': {}, 5XX: {} } }
    delete: {}
  /items: { post: { x-linkerd-timeout: 1s } }
`;
const openApi31 = {
  openapi: '3.1.0',
  info: { title: 'orders', version: '1' },
  paths: { '/items/{id}': { get: {}, put: {} }, '/items': { $ref: '#/components/pathItems/items' } },
  webhooks: { placed: { post: {} } },
  components: { pathItems: { items: { post: {} } } },
};

describe('an OpenAPI document', () => {
  it('is one of Swagger 2.0 or OpenAPI 3.1, in YAML or JSON, with a byte order mark and tabs too', () => {
    expect(routesOf('swagger.yaml', swagger)).toEqual([
      'POST /v1/items',
      'DELETE /v1/items/{id}',
      'GET /v1/items/{id}',
    ]);
    const routes = ['POST /items', 'GET /items/{id}', 'PUT /items/{id}'];
    for (const indent of [undefined, 2, '\t']) {
      expect(routesOf('orders.json', `\ufeff${JSON.stringify(openApi31, null, indent)}`)).toEqual(routes);
    }
  });

  it.each<[string, string, string]>([
    ['is broken', `${swagger}  /carts:\n    get: {}\n   put: {}\n`, 'line 10, column '],
    ['is broken in the middle', swagger.replace("'200': {}", "'200': {"), 'line 5, column '],
    [
      'has tabs where spaces must be',
      swagger.replace('  /items/', '\t/items/'),
      'line 4, column 1: Tabs are not allowed',
    ],
    ['is cut off within a word', swagger.slice(0, -'post: { x-linkerd-timeout: 1s } }\n'.length), 'line 7, column '],
    ['is empty', '', 'it is empty: there must be a document of OpenAPI 3 or Swagger 2.0'],
    ['has comments alone', '# later\n', 'it is empty'],
    ['has no routes', "swagger: '2.0'\npaths:\n", 'must describe an operation: there would be no routes'],
    ['has a path twice', `${swagger}  /items: { get: {} }\n`, 'line 8, column 3: Map keys must be unique'],
    ['has an operation twice', swagger.replace('    delete: {}', '    get: {}'), 'line 6, column 5: Map keys must be'],
    [
      'has a path twice in JSON',
      '{"openapi":"3.0.0","paths":{\n"/a":{"get":{}},\n"/a":{"put":{}}}}',
      'line 3, column 1',
    ],
    ['is two documents', `${swagger}---\n${swagger}`, 'it must be one document, and is 2: give each a file'],
    [
      'takes in another file',
      "swagger: '2.0'\npaths: !include paths.yaml\n",
      'line 2, column 8: Unresolved tag: !include',
    ],
    ['has an alias of nothing', "swagger: '2.0'\npaths: *paths\n", 'Unresolved alias'],
    ['is no document of an API', 'apiVersion: v1\nkind: Service\n', 'must be of OpenAPI 3 or Swagger 2.0, and say so'],
    ['is a list', '- a\n', 'the document (a list) must be an object'],
    ['is no YAML', '<html>\n<body>: {', 'line 1, column 1: '],
  ])('that %s is refused with its file, the line and what to do', (_, content, message) => {
    const make = () => routesOf('orders.yaml', content);
    expect(make).toThrow(message);
    expect(make).toThrow(`'description' (${join(folder, 'orders.yaml')})`);
  });

  it('that is cut off anywhere in JSON is refused', () => {
    const json = JSON.stringify(openApi31);
    for (let end = 0; end < json.length; end++) {
      expect(() => names(ApiDescription.text(json.slice(0, end))), json.slice(0, end)).toThrow("'description' (");
    }
  });

  it('that is too deep to be read is refused', () => {
    expect(() => names(ApiDescription.text('['.repeat(50_000)))).toThrow(/^'description' \(.* cannot be read: /s);
  });

  it('of aliases upon aliases is refused', () => {
    const bomb = [
      'a: &a [1]',
      ...Array.from({ length: 12 }, (_, at) => `b${at}: &b${at} [${Array(9).fill(at === 0 ? '*a' : `*b${at - 1}`)}]`),
    ];
    expect(() => names(ApiDescription.text(bomb.join('\n')))).toThrow('Excessive alias count');
  });
});

describe('a .proto file', () => {
  const proto =
    'syntax = "proto3";\nservice Orders {\n  rpc Place(A) returns (B);\n  rpc List(A) returns (stream B) {}\n}\n';
  const read = (content: string) =>
    ApiDescription.file(saved('a.proto', content))
      ._protoRoutes()
      .map(({ name }) => name);

  it('is read with a byte order mark too', () => {
    expect(read(`\ufeff${proto}`)).toEqual(['Place', 'List']);
  });

  it('that is cut off within its service is refused wherever that is', () => {
    for (let end = 1; end < proto.trimEnd().length; end++) {
      expect(() => ApiDescription.text(proto.slice(0, end))._protoRoutes()).toThrow("'description' (");
    }
  });

  it.each([
    ['is empty', '', 'must describe an operation'],
    ['is cut off', proto.slice(0, -2), "line 4: the file ends where '}' must stand"],
    ['has a method twice', proto.replace('List', 'Place'), 'line 4: there is a method Place already'],
    ['has a service twice', `${proto}service Orders {}`, 'line 6: there is a service Orders already'],
    ['is YAML', swagger, "line 1: 'swagger' must begin a statement"],
    ['is two files', `${proto}---\n${proto}`, 'line 6: '],
  ])('that %s is refused with its file and line', (_, content, message) => {
    expect(() => read(content)).toThrow(message);
    expect(() => read(content)).toThrow(`'description' (${join(folder, 'a.proto')})`);
  });
});

it('what is no text in UTF-8, or no path, is refused', () => {
  const path = saved('utf16.yaml', Buffer.from('\ufeffopenapi: 3.0.0', 'utf16le'));
  expect(() => ApiDescription.file(path)).toThrow(`'path' (${path}) must be a text in UTF-8: save it as such`);
  for (const wrong of [0, null, {}, undefined]) {
    expect(() => ApiDescription.file(wrong as never)).toThrow("' (");
    expect(() => ApiDescription.text(wrong as never)).toThrow("' (");
  }
  expect(() => ApiDescription.file(folder)).toThrow('must be a file that can be read: EISDIR');
});
