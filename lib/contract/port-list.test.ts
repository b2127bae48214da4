import { describe, expect, it } from 'vitest';
import { containsPort, formatPorts, parsePorts } from '../contract/port-list.ts';

describe('lists of ports', () => {
  it.each(['25,587', '4000-4100', '25,4000-4100,mysql', 'db2'])('reads %s and writes it again', (text) => {
    expect(formatPorts(parsePorts(text, 'names')!)).toBe(text);
  });

  it.each(['0', '65536', '20-10', '25,,x y', 'a_b', '-1', '1.5', '33060000', '4000 4100'])('refuses %s', (text) => {
    expect(parsePorts(text, 'names')).toBeUndefined();
  });

  it('takes names only where names have a meaning', () => {
    expect(parsePorts('mysql', 'numbers')).toBeUndefined();
  });

  it('lets spaces and empty entries stand, as Linkerd does', () => {
    expect(formatPorts(parsePorts(' 25, 587 , 4000 - 4100,', 'numbers')!)).toBe('25,587,4000-4100');
  });

  it('knows both ends of a range', () => {
    const entries = parsePorts('10-20', 'numbers')!;
    expect([9, 10, 20, 21].map((port) => containsPort(entries, port))).toEqual([false, true, true, false]);
  });
});
