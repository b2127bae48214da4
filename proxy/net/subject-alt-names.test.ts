import { expect, test } from 'vitest';
import { subjectAltNames } from './subject-alt-names.ts';

test.each([
  ['DNS:web.shop', ['web.shop'], []],
  ['URI:spiffe://mesh/ns/shop/sa/web', [], ['spiffe://mesh/ns/shop/sa/web']],
  ['DNS:web.shop, IP Address:10.0.0.1, URI:spiffe://mesh/web, DNS:web', ['web.shop', 'web'], ['spiffe://mesh/web']],
  ['URI:"spiffe://x\\u002c DNS:admin.shop", DNS:web.shop', ['web.shop'], ['spiffe://x, DNS:admin.shop']],
  ['email:"a, DNS:admin.shop", DNS:web.shop', ['web.shop'], []],
  ['email:a", DNS:admin.shop', [], []],
  ['IP Address:FD00:0:0:0:0:0:0:1, DNS:web.shop', ['web.shop'], []],
  [undefined, [], []],
])('%s proves the names %j and %j', (text, dns, uris) => expect(subjectAltNames(text)).toEqual({ dns, uris }));
