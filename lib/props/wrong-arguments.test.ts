import { Construct } from 'constructs';
import { describe, expect, it } from 'vitest';
import * as library from '../index.ts';

const values = [undefined, null, 3, true, 'x y', {}, [], [null], () => 1, new Map()];

type Factory = readonly [name: string, of: object, make: (...values: unknown[]) => unknown];

/** What makes values: the static functions of classes that are no constructs. */
const factories = Object.values(library).flatMap((of): Factory[] => {
  if (typeof of !== 'function' || of.prototype instanceof Construct) return [];
  const statics = Object.entries(Object.getOwnPropertyDescriptors(of) as Record<string, PropertyDescriptor>);
  return statics
    .filter(([name, { value }]) => typeof value === 'function' && !name.startsWith('_') && name !== 'prototype')
    .map(([name, { value }]) => [`${of.name}.${name}`, of, value]);
});

/** These take a scope, which is the constructs library's to judge. */
const ofScopes = ['MeshReference.of', 'MeshWarnings.of'];

describe('a value is made of arguments of the right types, or refused with their name and what to do', () => {
  it.each(factories.filter(([name]) => !ofScopes.includes(name)))('%s', (_, of, make) => {
    const others: string[] = [];
    for (const value of values) {
      for (const rest of [[], ['a'], [value], ['a', value]]) {
        try {
          make.call(of, value, ...rest);
        } catch (error) {
          const isOurs = (error as object).constructor === Error && /^Error: '[^']+' /.test(String(error));
          if (!isOurs) others.push(`${JSON.stringify([value, ...rest])}: ${error}`);
        }
      }
    }
    expect([...new Set(others)]).toEqual([]);
  });

  it.each<[string, () => unknown, string]>([
    ['DataPlane.linkerd2', () => library.DataPlane.linkerd2(3 as never), "'image' (3) must be a text"],
    ['Match.path', () => library.Match.path(/a/ as never), "'path' (/a/) must be a text"],
    ['Network.cidr', () => library.Network.cidr(null as never), "'cidr' (null) must be a text"],
    ['Filter.cors', () => library.Filter.cors({} as never), "'allowOrigins' (undefined) must be given: a list"],
    ['Sessions.cookie', () => library.Sessions.cookie(3 as never), "'options' (3) must be an object of name, timeout"],
    [
      'MeshService.of',
      () => library.MeshService.of('orders', { prot: 80 } as never),
      "'prot' (80) must be one of port, namespace",
    ],
    [
      'Tracing.otlp',
      () => library.Tracing.otlp({ collector: 'a:4317', sampleRate: '1' } as never),
      "'sampleRate' (1) must be a number",
    ],
  ])('%s tells which', (_, make, message) => {
    expect(make).toThrow(message);
  });
});
