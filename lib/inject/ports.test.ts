import { expect, it } from 'vitest';
import { formatPorts, parsePorts } from '../contract/port-list.ts';
import { inboundPorts, resolvePorts } from './ports.ts';

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
