import { createServer } from 'node:net';

/**
 * A /24 of loopback addresses that nobody else uses at the moment: `127.77.<n>.0`. Several local meshes run side by
 * side, each in one of their own. Rejects when all are taken, or this machine has no such addresses.
 */
export async function freeLoopbackNetwork(probePort: number): Promise<LoopbackNetwork> {
  let last: Error | undefined;
  for (let n = 0; n < 256; n++) {
    try {
      await probe(`127.77.${n}.1`, probePort);
      return new LoopbackNetwork(`127.77.${n}`);
    } catch (error) {
      last = error as Error;
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') break;
    }
  }
  throw new Error(
    `no loopback network 127.77.x.0/24 can be used: ${last?.message}. Each pod gets an address there; Linux has them ` +
      'without further ado, other systems need aliases on their loopback interface',
  );
}

export class LoopbackNetwork {
  private readonly prefix: string;
  private last = 0;

  constructor(prefix: string) {
    this.prefix = prefix;
  }

  get cidr(): string {
    return `${this.prefix}.0/24`;
  }

  /** The next address. Throws when there is none left. */
  take(): string {
    if (this.last === 254) throw new Error(`${this.cidr} has no address left: at most 254 pods run in one local mesh`);
    this.last++;
    return `${this.prefix}.${this.last}`;
  }
}

function probe(host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(port, host, () => server.close(() => resolve()));
  });
}
