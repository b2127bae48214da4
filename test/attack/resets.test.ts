import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, vi } from 'vitest';
import { LoneProxy } from '../proxy/lone-proxy.ts';
import { scrape, sumOf } from './upstream.ts';
import { vector } from './vector.ts';

const atOnce = 40;
const each = 8;
/** More than all buffers on the way and back hold: both ends of the sidecar are full. */
const much = Buffer.alloc(1_000_000);

vector(
  {
    who: 'net',
    attack:
      'opaque connections that are reset with their echo unread, forty at a time, at a sidecar that stands still again and again',
    promise: 'each is over with its end: the sidecar keeps no descriptor of it, and no connection to the application',
  },
  async () => {
    const application = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on('error', () => socket.destroy()).pipe(socket);
    });
    await once(application.listen(0, '127.0.0.1'), 'listening');
    const proxy = await LoneProxy.start((application.address() as AddressInfo).port);
    const open = new Set<Socket>();
    onTestFinished(async () => {
      for (const socket of open) socket.destroy();
      await proxy.stop();
      application.close();
    });
    await scrape(proxy);
    const before = proxy.openSockets();
    let carried = 0;
    const attack = async (attacker: number): Promise<void> => {
      for (let i = attacker; i < attacker + each * 7; i += 7) {
        const socket = connect({ port: proxy.inbound, host: '127.0.0.1' });
        open.add(socket);
        socket.on('error', () => {}).on('close', () => open.delete(socket));
        socket.write(much.subarray(0, i % 2 === 0 ? 3000 : much.length));
        await new Promise((resolve) => socket.once('readable', resolve).once('close', resolve));
        if (socket.bytesRead > 0) carried++;
        await sleep(i % 23);
        if (i % 3 === 0) socket.resetAndDestroy();
        else socket.destroy();
      }
    };
    let attacking = true;
    /** Meets it in the middle of a turn of its event loop: of what comes meanwhile it has not been told. */
    const disturb = async (): Promise<void> => {
      for (let i = 0; attacking; i += 7) {
        proxy.stand();
        await sleep(20);
        proxy.goOn();
        await sleep(i % 31);
      }
    };
    const disturbed = disturb();
    await Promise.all(Array.from({ length: atOnce }, (_, i) => attack(i)));
    attacking = false;
    await disturbed;
    expect(carried).toBe(atOnce * each);
    await vi.waitFor(async () => expect(sumOf(await scrape(proxy), 'tcp_open_connections', 'inbound')).toBe(0), 10_000);
    await vi.waitFor(() => expect(proxy.openSockets()).toBeLessThanOrEqual(before), 5000);
  },
  60_000,
);
