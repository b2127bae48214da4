import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Pki } from '../pki.ts';

/** Where a proxy takes traffic for a scenario, and which of its processes are at work then. */
export interface Route {
  /** `host:port` */
  readonly target: string;
  readonly pids: readonly number[];
}

export const paths = ['http1-hop', 'http1-chain', 'grpc-hop', 'grpc-chain', 'tcp-hop', 'tcp-chain'] as const;
/** A way through a proxy, or through two with mutual TLS between them. */
export type Path = (typeof paths)[number];

/** A proxy that is measured. */
export interface Peer {
  readonly name: string;
  /** `2.6.12` */
  readonly version: string;
  /** Applications name their target in the request, or by CONNECT; else the port says it. */
  readonly explicit?: boolean;
  /** It calls a Service of which the mesh is told nothing, whatever the scenario has it told. */
  readonly plain?: boolean;
  /** Undefined for a way that this peer is not set up for. */
  route(path: Path): Route | undefined;
  stop(): Promise<void>;
}

/** What peers are made with. */
export interface PeerSetting {
  readonly folder: string;
  readonly pki: Pki;
  /** Addresses of the two upstreams of the one-hop paths. */
  readonly upstreams: readonly [string, string];
  /** Address of the upstream behind the chain. */
  readonly behind: string;
  /** The core that all proxies run on. */
  readonly core: number;
}

export const upstreamPorts = { http1: 8080, grpc: 8090, tcp: 8070 } as const;

/** Where a peer listens: on an address of its own, on the same ports as all. */
export const ports: Readonly<Record<Path, number>> = {
  'http1-hop': 4180,
  'http1-chain': 4181,
  'grpc-hop': 4190,
  'grpc-chain': 4191,
  'tcp-hop': 4170,
  'tcp-chain': 4171,
};
/** The inbound proxy of a chain. */
export const inboundPorts = { http1: 5080, grpc: 5090, tcp: 5070 } as const;

/** Starts a proxy on its core, and waits until it listens. Rejects with its log when it ends before. */
export async function startProxy(
  command: readonly string[],
  listens: { readonly host: string; readonly port: number },
  { core, folder }: PeerSetting,
  name: string,
): Promise<{ pid: number; stop: () => Promise<void> }> {
  const logFile = join(folder, `${name}.log`);
  const log = openSync(logFile, 'a');
  const child = spawn('taskset', ['-c', `${core}`, ...command], { cwd: folder, stdio: ['ignore', log, log] });
  closeSync(log);
  let ended = false;
  const exit = new Promise<void>((resolve) => {
    child.on('exit', () => {
      ended = true;
      resolve();
    });
  });
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL');
    await exit;
  };
  for (let tries = 0; tries < 100; tries++) {
    if (ended) break;
    if (await accepts(listens.host, listens.port)) return { pid: child.pid!, stop };
    await sleep(100);
  }
  await stop();
  throw new Error(`${name} does not listen on ${listens.host}:${listens.port}: see ${logFile}`);
}

function accepts(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 500 });
    const settle = (accepted: boolean): void => {
      socket.destroy();
      resolve(accepted);
    };
    socket.on('connect', () => settle(true));
    socket.on('error', () => settle(false));
    socket.on('timeout', () => settle(false));
  });
}
