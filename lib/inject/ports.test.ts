import { describe, expect, it } from 'vitest';
import { containsPort, formatPorts, inboundPorts, parsePorts, resolvePorts } from './ports.ts';

describe('lists of ports', () => {
  it.each(['25,587', '4000-4100', '25,4000-4100,mysql', 'db2'])('reads %s and writes it again', (text) => {
    expect(formatPorts(parsePorts(text, 'names')!)).toBe(text);
  });

  it.each(['0', '65536', '20-10', '25,,x y', 'a_b', '-1', '1.5'])('refuses %s', (text) => {
    expect(parsePorts(text, 'names')).toBeUndefined();
  });

  it('takes names only where names have a meaning', () => {
    expect(parsePorts('mysql', 'numbers')).toBeUndefined();
  });

  it('lets spaces and empty entries stand, as Linkerd does', () => {
    expect(formatPorts(parsePorts(' 25, 587 ,', 'numbers')!)).toBe('25,587');
  });

  it('resolves names by TCP container ports, and says which it cannot', () => {
    const containers = [
      {
        name: 'db',
        ports: [
          { name: 'mysql', containerPort: 3306 },
          { name: 'dns', containerPort: 53, protocol: 'UDP' },
        ],
      },
    ];
    const { ports, unknown } = resolvePorts(parsePorts('mysql,dns,25', 'names')!, containers);
    expect(formatPorts(ports)).toBe('3306,25');
    expect(unknown).toEqual(['dns']);
  });

  it('knows both ends of a range', () => {
    const entries = parsePorts('10-20', 'numbers')!;
    expect([9, 10, 20, 21].map((port) => containsPort(entries, port))).toEqual([false, true, true, false]);
  });
});

it('inbound ports are TCP container ports and the ports of HTTP probes, each once, as declared', () => {
  expect(
    inboundPorts([
      {
        name: 'web',
        ports: [
          { name: 'http', containerPort: 8080 },
          { containerPort: 53, protocol: 'UDP' },
        ],
        livenessProbe: { httpGet: { port: 'http' } },
        readinessProbe: { httpGet: { port: 900 } },
      },
    ]),
  ).toEqual([8080, 900]);
});
