import { expect, it } from 'vitest';
import { KeepAlive } from './keep-alive.ts';
import { FakeClock } from './testing/fake-clock.ts';

function watched() {
  const clock = new FakeClock();
  const connection = { bytesRead: 0, blocked: false, aborted: false };
  let pings = 0;
  const giveUp = () => {
    connection.aborted = true;
  };
  const session = { ping: () => void pings++, giveUp };
  const keepAlive = new KeepAlive(connection, session, { intervalMs: 1000, timeoutMs: 300 }, clock);
  return { clock, connection, keepAlive, pings: () => pings };
}

it('a connection that brings something is left alone', () => {
  const { clock, connection, pings } = watched();
  for (let i = 0; i < 10; i++) {
    connection.bytesRead++;
    clock.advance(800);
  }
  expect([pings(), connection.aborted]).toEqual([0, false]);
});

it('a silent one is asked, and lives on when its peer answers', () => {
  const { clock, connection, pings } = watched();
  clock.advance(1000);
  expect(pings()).toBe(1);
  connection.bytesRead += 17;
  clock.advance(999);
  expect([pings(), connection.aborted]).toEqual([1, false]);
  clock.advance(1);
  expect(pings()).toBe(2);
});

it('a peer that dies is noticed within an interval and a timeout of its last byte, wherever that came', () => {
  for (let lastMs = 1; lastMs < 3000; lastMs += 37) {
    const { clock, connection, pings } = watched();
    let nowMs = 0;
    for (; nowMs < lastMs; nowMs++) {
      if (nowMs % 100 === 0 || nowMs === lastMs - 1) connection.bytesRead++;
      clock.advance(1);
    }
    expect(pings()).toBe(0);
    while (pings() === 0) {
      clock.advance(1);
      nowMs++;
    }
    expect(nowMs - lastMs).toBeGreaterThanOrEqual(1000 - 125 - 2);
    expect(nowMs - lastMs).toBeLessThanOrEqual(1000);
    while (!connection.aborted) {
      clock.advance(1);
      nowMs++;
    }
    expect(nowMs - lastMs).toBeLessThanOrEqual(1000 + 300 + 1);
  }
});

it('one that dies right behind its answer is noticed as soon', () => {
  const { clock, connection, pings } = watched();
  clock.advance(1000);
  connection.bytesRead += 17;
  clock.advance(1000);
  expect(pings()).toBe(2);
  clock.advance(301);
  expect(connection.aborted).toBe(true);
});

it('one whose peer does not answer in time is broken', () => {
  const { clock, connection, pings } = watched();
  clock.advance(1000);
  clock.advance(299);
  expect(connection.aborted).toBe(false);
  clock.advance(2);
  expect(connection.aborted).toBe(true);
  clock.advance(10_000);
  expect(pings()).toBe(1);
});

it('one whose answer came while this process stood still lives on', () => {
  const { clock, connection, pings } = watched();
  clock.advance(1000);
  // The timer is told of before the socket is read.
  clock.advance(300);
  connection.bytesRead += 17;
  clock.advance(1);
  clock.advance(998);
  expect([pings(), connection.aborted]).toEqual([1, false]);
});

it('while our own bytes wait for a slow reader it is not asked', () => {
  const { clock, connection, pings } = watched();
  connection.blocked = true;
  clock.advance(5000);
  expect([pings(), connection.aborted]).toEqual([0, false]);
});

it('a closed one is forgotten', () => {
  const { clock, keepAlive, pings } = watched();
  keepAlive.stop();
  clock.advance(5000);
  expect(pings()).toBe(0);
});
