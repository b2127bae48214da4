/** A small seeded generator (mulberry32): what a fuzzer finds comes again with its seed. */
export function generator(seed: number): (below: number) => number {
  let state = seed | 0;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const telling = [0, 1, 9, 10, 13, 32, 44, 45, 58, 59, 0x30, 0x7f, 0x80, 0xff];

/** One of `corpus`, changed in a few places, or now and then bytes out of nothing. */
export function mutate(corpus: readonly Uint8Array[], random: (below: number) => number): Uint8Array {
  if (random(20) === 0) return Uint8Array.from({ length: random(300) }, () => random(256));
  let bytes: Uint8Array = corpus[random(corpus.length)].slice();
  for (let rounds = 1 + random(4); rounds > 0; rounds--) {
    const at = random(bytes.length + 1);
    const length = random(16);
    switch (random(7)) {
      case 0:
        if (at < bytes.length) bytes[at] ^= 1 << random(8);
        break;
      case 1:
        if (at < bytes.length) bytes[at] = telling[random(telling.length)];
        break;
      case 2:
        bytes = joined(bytes.subarray(0, at), bytes.subarray(at + length));
        break;
      case 3:
        bytes = joined(bytes.subarray(0, at), bytes.subarray(at, at + length), bytes.subarray(at));
        break;
      case 4:
        bytes = joined(bytes.subarray(0, at), Uint8Array.of(telling[random(telling.length)]), bytes.subarray(at));
        break;
      case 5: {
        const other = corpus[random(corpus.length)];
        bytes = joined(bytes.subarray(0, at), other.subarray(random(other.length + 1)));
        break;
      }
      default:
        bytes = bytes.slice(0, at);
    }
  }
  return bytes;
}

/** `bytes` in up to a few pieces, each of memory of its own. */
export function pieces(bytes: Uint8Array, random: (below: number) => number): Uint8Array[] {
  if (random(10) === 0) return Array.from(bytes, (byte) => Uint8Array.of(byte));
  const cuts = Array.from({ length: random(4) }, () => random(bytes.length + 1)).sort((a, b) => a - b);
  return [0, ...cuts].map((from, i) => bytes.slice(from, cuts[i] ?? bytes.length)).filter(({ length }) => length > 0);
}

function joined(...parts: Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}
