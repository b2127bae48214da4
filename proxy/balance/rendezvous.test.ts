import fc from 'fast-check';
import { expect, it } from 'vitest';
import { hashText, type Member, Rendezvous } from './rendezvous.ts';

interface Named extends Member {
  readonly name: string;
}
const named = (name: string, weight = 1): Named => ({ name, weight });
const of = (members: readonly Named[]): Rendezvous<Named> => {
  const rendezvous = new Rendezvous<Named>();
  rendezvous.replace(members, ({ name }) => name);
  return rendezvous;
};
const all = () => true;
const keys = Array.from({ length: 20_000 }, (_, i) => hashText(`user-${i}`));
const addresses = (count: number): Named[] => Array.from({ length: count }, (_, i) => named(`10.0.0.${i}:8080`));
const sets = fc
  .uniqueArray(fc.ipV4(), { minLength: 1, maxLength: 30 })
  .map((ips) => ips.map((ip) => named(`${ip}:80`)));

it('has nobody for a key where there is no member', () => {
  expect(of([]).pick(1, all)).toBeUndefined();
});

it('gives members of the same weight the same number of keys, within what chance makes of them', () => {
  const rendezvous = of(addresses(10));
  const counts = new Map<Named, number>();
  for (const key of keys) counts.set(rendezvous.pick(key, all)!, (counts.get(rendezvous.pick(key, all)!) ?? 0) + 1);
  expect(counts.size).toBe(10);
  // Five times the standard deviation of a binomial distribution.
  for (const count of counts.values()) expect(Math.abs(count - 2000)).toBeLessThan(5 * Math.sqrt(20_000 * 0.1 * 0.9));
});

it('gives members their weight in keys', () => {
  const rendezvous = of([named('a', 10_000), named('b', 30_000), named('c', 60_000)]);
  const share = (name: string) => keys.filter((key) => rendezvous.pick(key, all)?.name === name).length / keys.length;
  expect(share('a')).toBeCloseTo(0.1, 1);
  expect(share('b')).toBeCloseTo(0.3, 1);
  expect(share('c')).toBeCloseTo(0.6, 1);
});

it('chooses alike whoever asks, in whatever order the members were told', () => {
  fc.assert(
    fc.property(sets, fc.nat(), fc.string(), (members, turn, text) => {
      const turned = [...members.slice(turn % members.length), ...members.slice(0, turn % members.length)];
      expect(of(turned).pick(hashText(text), all)).toBe(of(members).pick(hashText(text), all));
    }),
  );
});

it('moves only the keys of a member that goes, and gives it back those alone', () => {
  fc.assert(
    fc.property(sets, fc.nat(), fc.array(fc.string(), { maxLength: 50 }), (members, at, texts) => {
      const gone = members[at % members.length];
      const before = of(members);
      const after = of(members.filter((member) => member !== gone));
      for (const hash of texts.map(hashText)) {
        const had = before.pick(hash, all);
        // That it may not have the key now is the same as that it is gone.
        expect(before.pick(hash, (member) => member !== gone)).toBe(after.pick(hash, all));
        if (had !== gone) expect(after.pick(hash, all)).toBe(had);
      }
    }),
  );
});

it('spreads the keys of a member that goes over all of the others', () => {
  const members = addresses(5);
  const rendezvous = of(members);
  const moved = keys.filter((key) => rendezvous.pick(key, all) === members[2]);
  const counts = members.map(
    (to) => moved.filter((key) => rendezvous.pick(key, (member) => member !== members[2]) === to).length,
  );
  expect(counts[2]).toBe(0);
  for (const at of [0, 1, 3, 4]) expect(counts[at] / moved.length).toBeCloseTo(0.25, 1);
});

it('spreads keys that differ in one character', () => {
  const rendezvous = of(addresses(4));
  const counts = new Map<string, number>();
  for (let i = 0; i < 26 * 26; i++) {
    const text = `session-${String.fromCharCode(97 + (i % 26), 97 + Math.floor(i / 26))}`;
    const { name } = rendezvous.pick(hashText(text), all)!;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  for (const count of counts.values()) expect(Math.abs(count - 169)).toBeLessThan(60);
});
