import { describe, expect, test, vi } from 'vitest';
import { authz, group, inboundPolicies, pod, policy, server, serverRef } from './testing.ts';

const { start } = inboundPolicies();

describe('a change', () => {
  test('of any object reaches an open stream within a second', async () => {
    const world = await start(pod());
    const seen = world.watchPort(8080);
    await vi.waitFor(() => expect(seen.messages).toHaveLength(1));
    const m = (identities: string[]) => policy('MeshTLSAuthentication', 'm', { identities });
    const allow = authz('a', serverRef, { group, kind: 'MeshTLSAuthentication', name: 'm' });
    const route = policy('HTTPRoute', 'r', { parentRefs: [serverRef] });
    const steps: [object[], (text: string) => boolean][] = [
      [[server('web')], (text) => text.includes('"kind":"server"') && !text.includes('identities')],
      [[server('web'), allow], (text) => !text.includes('"name":"a"')],
      [[server('web'), allow, m(['x.y'])], (text) => text.includes('"x.y"')],
      [[server('web'), allow, m(['z.y'])], (text) => text.includes('"z.y"') && !text.includes('"x.y"')],
      [[server('web'), allow, m(['z.y']), route], (text) => text.includes('"kind":"HTTPRoute"')],
      [[server('web', { port: 9090 }), allow, m(['z.y']), route], (text) => text.includes('all-unauthenticated')],
    ];
    const tookMs: number[] = [];
    for (const [objects, isThere] of steps) {
      const startMs = performance.now();
      world.write(pod(), ...objects);
      await vi.waitFor(() => expect(isThere(JSON.stringify(seen.messages.at(-1)))).toBe(true), {
        timeout: 3000,
        interval: 10,
      });
      tookMs.push(performance.now() - startMs);
    }
    // A machine that is busy may take longer once, not each time.
    expect(Math.min(...tookMs)).toBeLessThan(1000);
  });

  test('of one Server is not told to the streams of other pods', async () => {
    const other = pod({}, { app: 'other' }, 'other');
    const world = await start(pod(), other);
    const [web, others] = [world.watchPort(8080), world.watchPort(8080, 'shop:other')];
    await vi.waitFor(() => expect([web.messages.length, others.messages.length]).toEqual([1, 1]));
    world.write(pod(), other, server('web'));
    await vi.waitFor(() => expect(web.messages).toHaveLength(2), 2000);
    world.write(pod(), pod({}, { app: 'web' }, 'other'), server('web'));
    await vi.waitFor(() => expect(others.messages).toHaveLength(2), 2000);
    expect(others.messages[1]).toMatchObject({ labels: { name: 'web' } });
    expect(web.messages).toHaveLength(2);
  });
});
