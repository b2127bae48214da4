import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { TimerHandle, Timers } from '../clock.ts';

/** The resolver's own timeout is not kept by every runtime. */
const timeoutMs = 5000;

/** Addresses of a host, at least one. A name that ends with a dot is not completed with search domains. */
export async function resolve(host: string, timers: Timers): Promise<readonly string[]> {
  if (isIP(host) !== 0) return [host];
  // Not every resolver of a container knows the root's form of it.
  if (host === 'localhost.') return resolve('localhost', timers);
  let timer: TimerHandle;
  const tooLong = new Promise<never>((_resolve, reject) => {
    timer = timers.after(timeoutMs, () => reject(new Error(`no answer within ${timeoutMs} ms`)));
  });
  try {
    const found = await Promise.race([lookup(host, { all: true }), tooLong]);
    if (found.length === 0) throw new Error('there is no address');
    return found.map(({ address }) => address);
  } finally {
    timers.cancel(timer);
  }
}
