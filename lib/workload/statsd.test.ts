import { expect, it } from 'vitest';
import { annotationsOf } from './mesh-options.ts';
import { Statsd, StatsdTags } from './statsd.ts';

it.each([
  [Statsd.node(), 'node:8125', 'dogstatsd'],
  [Statsd.server('statsd.monitoring', 9125, StatsdTags.NONE), 'statsd.monitoring:9125', 'none'],
  [Statsd.server('[fd00::1]'), '[fd00::1]:8125', 'dogstatsd'],
  [Statsd.unixSocket('/run/dsd.sock', StatsdTags.LIBRATO), 'unix:/run/dsd.sock', 'librato'],
])('is what the annotations say: %o', (statsd, address, tags) => {
  expect(annotationsOf({ proxy: { statsd } })).toEqual({
    'config.tulle.dev/statsd-address': address,
    'config.tulle.dev/statsd-tags': tags,
  });
});

it.each([
  [() => Statsd.node(0), "'port' (0)"],
  [() => Statsd.server('a b'), "'host' (a b)"],
  [() => Statsd.server('node'), "'host' (node)"],
  [() => Statsd.server('statsd', 70_000), "'port' (70000)"],
  [() => Statsd.unixSocket('run/dsd.sock'), "'path' (run/dsd.sock)"],
])('refuses what cannot be meant: %o', (make, message) => {
  expect(make).toThrow(message);
});
