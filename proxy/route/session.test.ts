import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SessionKey } from '../model/affinity.ts';
import { requestOf } from '../testing/exchanges.ts';
import { Field } from '../wire/field.ts';
import { type Session, sessionOf, sessionText } from './session.ts';

const nowS = 1_800_000_000;
const byHeader: SessionKey = { kind: 'session', carrier: { kind: 'header', name: 'x-seat' }, timeoutS: undefined };
const cookie = { kind: 'cookie', name: 'seat', keptS: 0, path: '/' } as const;
const byCookie: SessionKey = { kind: 'session', carrier: cookie, timeoutS: 3600 };
const read = (key: SessionKey, name: string, value: string) =>
  sessionOf(key, requestOf({ fields: [new Field(name, value)] }), nowS * 1000);
const hash = fc.nat(2 ** 32 - 1);

describe('a session', () => {
  it('is read as it was written, by a header and by a cookie', () => {
    fc.assert(
      fc.property(hash, hash, fc.integer({ min: 1, max: 3600 }), (backend, endpoint, leftS) => {
        const endless: Session = { backend, endpoint, endS: undefined };
        expect(read(byHeader, 'x-seat', sessionText(endless))).toEqual(endless);
        const ending: Session = { backend, endpoint, endS: nowS + leftS };
        expect(read(byCookie, 'cookie', `a=b; seat=${sessionText(ending)}; c=d`)).toEqual(ending);
      }),
    );
  });

  it.each<[string, number | undefined]>([
    ['is over', nowS],
    ['was over long ago', 1],
    ['is longer than any that was told', nowS + 3700],
    ['has no end where there is one', undefined],
  ])('that %s is none', (_what, endS) => {
    expect(read(byCookie, 'cookie', `seat=${sessionText({ backend: 1, endpoint: 2, endS })}`)).toBeUndefined();
  });

  it('with an end is none where sessions have none', () => {
    expect(read(byHeader, 'x-seat', sessionText({ backend: 1, endpoint: 2, endS: nowS + 10 }))).toBeUndefined();
  });

  it('is nothing that clients make up, and short', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ maxLength: 40 }), fc.string({ unit: 'binary', minLength: 30 })), (text) => {
        const session = read(byHeader, 'x-seat', text);
        if (session === undefined) return;
        expect(text.length).toBeLessThan(20);
        expect(sessionText(session).length).toBeLessThan(20);
      }),
    );
    expect(sessionText({ backend: 2 ** 32 - 1, endpoint: 2 ** 32 - 1, endS: nowS + 400 * 86_400 }).length).toBeLessThan(
      25,
    );
  });
});
