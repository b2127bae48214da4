import { expect, it } from 'vitest';
import { builtinsAsObjects } from './builtins.ts';

it('a default import and names of a module of Node become reads of its object', () => {
  expect(builtinsAsObjects('import path from"node:path";import{a as b,c}from"node:util";use(path,b,c);')).toBe(
    'var path=globalThis.process.getBuiltinModule("node:path");var{a:b,c}=globalThis.process.getBuiltinModule("node:util");use(path,b,c);',
  );
  expect(builtinsAsObjects('import fs,{readFile}from"node:fs/promises";')).toBe(
    'var fs=globalThis.process.getBuiltinModule("node:fs/promises");var{readFile}=globalThis.process.getBuiltinModule("node:fs/promises");',
  );
});

it('they stand in front of what uses them, behind the interpreter', () => {
  expect(builtinsAsObjects('#!/usr/bin/env node\nuse(os);import os from"node:os";')).toBe(
    '#!/usr/bin/env node\nvar os=globalThis.process.getBuiltinModule("node:os");use(os);',
  );
});

it('other imports stay: of packages, of whole namespaces, and those made while it runs', () => {
  const code = 'import*as ns from"node:fs";import{App}from"cdk8s";import"node:net";await import("node:tls");';
  expect(builtinsAsObjects(code)).toBe(code);
});

it('a bundle that has its own name for a module of Node, even `process`, still finds them', () => {
  expect(builtinsAsObjects('import process from"node:process";')).toContain('var process=globalThis.process.');
});
