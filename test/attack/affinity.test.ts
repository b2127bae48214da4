import { create } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import fc from 'fast-check';
import { expect } from 'vitest';
import { EndpointChoiceSchema } from '../../api/gen/tulle_pb.js';
import { trafficSettings } from '../../lib/contract/traffic-annotations.ts';
import { Affine } from '../../proxy/backend/affine.ts';
import { hashText } from '../../proxy/balance/rendezvous.ts';
import { choiceFromApi } from '../../proxy/policy/outbound/choice-from-api.ts';
import { endpointAt, TestBalancing } from '../../proxy/testing/balancing.ts';
import type { TestConnection } from '../../proxy/testing/exchanges.ts';
import { Field } from '../../proxy/wire/field.ts';
import { vector } from './vector.ts';

/** A balancer over 10.0.0.1 to `count`, all of which are connected. */
function balancing(count: number, maxLoad: number | undefined): { world: TestBalancing; at: TestConnection[] } {
  const world = new TestBalancing({ choice: { affinity: { key: { kind: 'source' }, maxLoad }, zones: undefined } });
  const infos = Array.from({ length: count }, (_, i) => endpointAt(`10.0.0.${i + 1}`));
  world.balancer.replace('web', infos);
  world.send();
  world.clock.advance(50 * count);
  const at = infos.map(({ address }) => world.succeed(address));
  for (const { upstreams } of at) for (const upstream of upstreams.splice(0)) upstream.answer();
  return { world, at };
}

vector(
  {
    who: 'tenant',
    attack: 'writes line breaks and attributes into the cookie that a Service has made for its clients',
    promise:
      'control plane and proxy take no such name or path: a response has one cookie more, with the attributes it says',
  },
  () => {
    const { world, at } = balancing(1, undefined);
    const hostile = fc.string({
      unit: fc.constantFrom('/', 'a', ';', '=', ' ', '\r', '\n', '"', ',', '\t', '\0', 'é', ':'),
    });
    fc.assert(
      fc.property(fc.oneof(hostile, fc.constant('seat')), hostile, (name, rest) => {
        const path = `/${rest}`;
        const text = `cookie:${name};ttl=1h;path=${path}`;
        const written = trafficSettings({ 'balancer.tulle.dev/affinity': text }).affinity?.key;
        if (written?.kind === 'cookie') expect(`${written.name}${written.path}`).not.toMatch(/[;\r\n\0\sé]/);
        // Whatever the control plane lets through.
        const value = { name, ttl: durationFromMs(3_600_000), path };
        const told = create(EndpointChoiceSchema, { affinity: { key: { case: 'cookie', value } } });
        const { affinity } = choiceFromApi(told, () => {});
        if (affinity === undefined || affinity.key.kind === 'session') return;
        world.sender = new Affine(world.balancer, affinity.key);
        const { client } = world.send();
        at[0].upstreams.splice(0)[0].answer();
        const cookies = client.heads[0].fields
          .filter((field) => field.name === 'set-cookie')
          .map((field) => field.value);
        expect(cookies).toEqual([
          expect.stringMatching(/^[a-z]+="[0-9a-f]{32}"; Max-Age=3600; Path=\/[^;\s]*; HttpOnly$/),
        ]);
      }),
      { numRuns: 2000 },
    );
  },
);

vector(
  {
    who: 'net',
    attack: 'chooses the keys of its requests so that all of them belong to one endpoint',
    promise: 'where the Service sets a bound, no endpoint has more in flight than that part of the average',
  },
  () => {
    const { world, at } = balancing(5, 1.25);
    world.sender = new Affine(world.balancer, { kind: 'header', name: 'x-user' });
    const home = (user: string): number => {
      world.send('http2', true, { fields: [new Field('x-user', user)] });
      const found = at.findIndex(({ upstreams }) => upstreams.length > 0);
      at[found].upstreams.splice(0)[0].answer();
      return found;
    };
    const users = Array.from({ length: 1000 }, (_, i) => `user-${i}`);
    const chosen = users.filter((user) => home(user) === 3);
    expect(new Set(chosen.map(hashText)).size).toBeGreaterThan(100);
    for (const [i, user] of chosen.entries()) {
      world.send('http2', true, { fields: [new Field('x-user', user)] });
      const most = Math.max(...at.map(({ upstreams }) => upstreams.length));
      expect(most).toBeLessThanOrEqual(Math.ceil((1.25 * (i + 1)) / 5));
    }
  },
);
