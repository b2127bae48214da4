import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { protoRoutes } from './proto.ts';

describe('routes of a .proto file', () => {
  it('are what linkerd profile writes for the file of its own test', () => {
    const text = `syntax = "proto3";
package emojivoto.v1;
message VoteRequest {
}
message VotingResult {
    string Shortcode = 1;
    int32 Votes = 2;
}
service VotingService {
    rpc VotePoop (VoteRequest) returns (VoteResponse);
}`;
    expect(protoRoutes(text)).toEqual([
      { name: 'VotePoop', condition: { method: 'POST', pathRegex: '/emojivoto\\.v1\\.VotingService/VotePoop' } },
    ]);
  });

  it('are of every service, whatever else the language has in the file', () => {
    const text = `\ufeff// service Not { rpc In (A) returns (B); }
edition = "2024"; import public "a.proto"; import option 'b.proto';
option (shop.file) = { text: "}\\"" list: [1, -2.5e+3] any { [type.googleapis.com/shop.X] { x: 1 } } };
export message Order { reserved 2, 4 to max; map<string, Item> items = 1 [(x).y = { a: 1 }]; message In { enum E { A = 0; } } }
local enum State { NEW = 0x0; };
extend google.protobuf.MethodOptions { string owner = 50_001; }
extend .google.protobuf.FieldOptions { optional group G = 7 { } }
service Orders { /* rpc
  Nothing */ option deprecated = true;;
  rpc Place(Order) returns (.shop.v1.Order) { option (google.api.http) = { post: "/v1/{x=**}" body: "*" }; };
  rpc Watch (stream stream) returns (stream shop.v1.stream.Order) {}
}
package shop.v1;
service Stock { rpc Watch(stream.Order) returns (stream .shop.Order); }`;
    expect(protoRoutes(text).map(({ name, condition }) => [name, condition.pathRegex])).toEqual([
      ['Place', '/shop\\.v1\\.Orders/Place'],
      ['Orders/Watch', '/shop\\.v1\\.Orders/Watch'],
      ['Stock/Watch', '/shop\\.v1\\.Stock/Watch'],
    ]);
  });

  it('are of services without a package, and none where there are no services', () => {
    expect(protoRoutes('service A { rpc B(C) returns (D); }')[0].condition.pathRegex).toBe('/A/B');
    expect(protoRoutes('')).toEqual([]);
  });

  it.each([
    ['no proto', 'openapi: 3.0.0', "line 1: 'openapi' must begin a statement, such as 'service' or 'message'"],
    ['what no file has', '\n\n@', 'line 3: "@" is nothing of a .proto file'],
    ['a comment without an end', '\n/* x', 'line 2: "* x" is nothing of a .proto file'],
    ['a text without an end', 'import "a\n";', 'line 1: "\\"a\\n\\";" is nothing of a .proto file'],
    ['a service without a name', 'service {', "line 1: '{' must be the name of a service"],
    ['a service without an end', 'service A { rpc B(C) returns (D);', "the file ends where '}' must stand"],
    ['a message without an end', 'message A {\n{}', "the file ends where '}' for the '{' of line 1 must stand"],
    [
      'what no service has',
      'service A {\n stream B(C, D); }',
      "line 2: 'stream' must be 'rpc' or 'option', in the service A",
    ],
    ['a method without an answer', 'service A { rpc B(C); }', "line 1: ';' must be 'returns'"],
    [
      'a method that goes on',
      'service A { rpc B(C) returns (D) x',
      "line 1: 'x' must be ';' or '{', after the method B",
    ],
    ['a message type that is none', 'service A { rpc B(1) returns (D); }', "line 1: '1' must be a name"],
    ['two packages', 'package a;\npackage b;', 'line 2: the package has been said already'],
    [
      'two services of a name',
      'service A { rpc B(C) returns (D); }\nservice A {}',
      'line 2: there is a service A already',
    ],
    [
      'two methods of a name',
      'service A { rpc B(C) returns (D);\nrpc B(C) returns (D); }',
      'line 2: there is a method B already',
    ],
    ['an option that ends its block', 'service A { option x = 1 }', "line 1: '}' must not stand before ';'"],
  ])('are refused for %s, with the line', (_, text, message) => {
    expect(() => protoRoutes(text)).toThrow(message);
  });

  it('are the same however the file is laid out', () => {
    const tokens =
      'package a . b ; service S { rpc M ( stream .x.Y ) returns ( Z ) { } rpc N ( Y ) returns ( stream Z ) ; }';
    const gap = fc.constantFrom(' ', '\n', '\t', ' // rpc X(\n', '/* } ; */', '/**/\r\n');
    fc.assert(
      fc.property(fc.array(gap, { minLength: 40, maxLength: 40 }), (gaps) => {
        const text = tokens
          .split(' ')
          .map((token, at) => `${token}${gaps[at % gaps.length]}`)
          .join('');
        expect(protoRoutes(text).map(({ condition }) => condition.pathRegex)).toEqual(['/a\\.b\\.S/M', '/a\\.b\\.S/N']);
      }),
    );
  });

  it('of any text are routes, or a line that tells what is wrong', () => {
    const piece = fc.constantFrom(
      'service',
      'rpc',
      'A',
      '{',
      '}',
      '(',
      ')',
      'returns',
      ';',
      'option',
      '=',
      '"x"',
      '.',
      '/*',
      '//',
      '\n',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        try {
          protoRoutes(pieces.join(' '));
        } catch (error) {
          expect((error as Error).name).toBe('DescriptionError');
        }
      }),
    );
  });
});
