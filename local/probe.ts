import { get } from 'node:http';
import { connect } from 'node:net';
import type { Container, Probe } from '../lib/inject/index.ts';

const timeoutMs = 1000;

/** Whether a GET is answered with 200-399, as the kubelet asks. */
export function answers(host: string, port: number, path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const request = get({ host, port, path, agent: false, timeout: timeoutMs }, (response) => {
      response.resume();
      resolve(response.statusCode !== undefined && response.statusCode >= 200 && response.statusCode < 400);
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve(false));
  });
}

/** Whether connections are taken. */
export function accepts(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: timeoutMs });
    const settle = (accepted: boolean): void => {
      socket.destroy();
      resolve(accepted);
    };
    socket.on('connect', () => settle(true));
    socket.on('timeout', () => settle(false));
    socket.on('error', () => settle(false));
  });
}

/** Asks a container's HTTP readiness probe; without one, whether its TCP ports take connections. */
export async function isContainerReady(container: Container, ip: string): Promise<boolean> {
  const ports = (container.ports ?? []).filter(({ protocol }) => protocol === undefined || protocol === 'TCP');
  const httpGet: Probe['httpGet'] = container.readinessProbe?.httpGet;
  if (httpGet !== undefined) {
    const { port, path = '/' } = httpGet;
    const number = typeof port === 'number' ? port : ports.find(({ name }) => name === port)?.containerPort;
    return number !== undefined && answers(ip, number, path);
  }
  const accepted = await Promise.all(ports.map(({ containerPort }) => accepts(ip, containerPort)));
  return accepted.every(Boolean);
}
