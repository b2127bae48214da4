import { EventEmitter } from 'node:events';
import type { Server, Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { ConnectionLimits, type ConnectionLimitsOptions } from './connection-limits.ts';

function world(options: Partial<ConnectionLimitsOptions>) {
  const server = new EventEmitter();
  const refused: string[] = [];
  const ended: string[] = [];
  const limits = new ConnectionLimits({
    most: 4,
    mostPerAddress: 4,
    onRefused: (limit, address) => refused.push(`${limit} ${address}`),
    ...options,
  });
  limits.watch(server as Server);
  let port = 1;
  const open = (name: string, remoteAddress: string): Socket => {
    const socket = Object.assign(new EventEmitter(), {
      remoteAddress,
      remotePort: port++,
      destroy() {
        ended.push(name);
        socket.emit('close');
      },
    });
    server.emit('connection', socket);
    return socket as unknown as Socket;
  };
  return { limits, refused, ended, open };
}

describe('connections beyond the limit', () => {
  it('let the oldest go that never asked, of the address that has most', () => {
    const { ended, open, refused } = world({});
    open('api', '10.0.0.1');
    for (const name of ['a', 'b', 'c', 'd']) open(name, '10.0.0.2');
    expect(ended).toEqual(['a']);
    expect(refused).toEqual(['all 10.0.0.2']);
  });

  it('let one go that is idle when all have asked, the longest idle first', () => {
    const { ended, open, limits } = world({});
    const sockets = ['a', 'b', 'c', 'd'].map((name) => open(name, '10.0.0.2'));
    for (const socket of sockets) limits.begin(socket);
    for (const socket of [sockets[2], sockets[1]]) limits.end(socket);
    open('new', '10.0.0.3');
    expect(ended).toEqual(['c']);
  });

  it('are refused themselves when all others have a call under way', () => {
    const { ended, open, limits } = world({});
    for (const name of ['a', 'b', 'c', 'd']) limits.begin(open(name, '10.0.0.2'));
    open('new', '10.0.0.3');
    expect(ended).toEqual(['new']);
  });

  it('of one address cost that address alone', () => {
    const { ended, open, refused } = world({ most: 100, mostPerAddress: 2 });
    open('api', '10.0.0.1');
    for (const name of ['a', 'b', 'c']) open(name, '10.0.0.2');
    expect(ended).toEqual(['a']);
    expect(refused).toEqual(['address 10.0.0.2']);
  });

  it('of this host are not held to the limit of an address: a sidecar speaks for many', () => {
    const { ended, open } = world({ most: 100, mostPerAddress: 1 });
    for (const name of ['a', 'b', 'c']) open(name, '::ffff:127.0.0.6');
    expect(ended).toEqual([]);
  });

  it('count no longer once they are closed', () => {
    const { ended, open } = world({});
    const sockets = ['a', 'b', 'c', 'd'].map((name) => open(name, '10.0.0.2'));
    for (const socket of sockets) socket.emit('close');
    for (const name of ['e', 'f', 'g', 'h']) open(name, '10.0.0.2');
    expect(ended).toEqual([]);
  });
});
