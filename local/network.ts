import { createServer, type Server } from 'node:net';

/** In the last address of a network: who listens there has the network. */
const claimedAddress = 254;

/**
 * A /24 of loopback addresses for one mesh: `127.77.<n>.0`. It is claimed by listening in it on `claimPort`, so several
 * local meshes run side by side, each in one of their own. Rejects when all are taken, or this machine has no such
 * addresses.
 */
export async function claimLoopbackNetwork(claimPort: number): Promise<LoopbackNetwork> {
  let last: Error | undefined;
  for (let n = 0; n < 256; n++) {
    const prefix = `127.77.${n}`;
    try {
      const claim = await listen(`${prefix}.${claimedAddress}`, claimPort);
      try {
        // Whoever runs on in it without a claim, after its mesh was killed, keeps it too.
        (await listen(`${prefix}.1`, claimPort)).close();
        return new LoopbackNetwork(prefix, claim);
      } catch (error) {
        claim.close();
        throw error;
      }
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
  private readonly claim: Server;
  private last = 0;

  constructor(prefix: string, claim: Server) {
    this.prefix = prefix;
    this.claim = claim;
  }

  get cidr(): string {
    return `${this.prefix}.0/24`;
  }

  /** The next address. Throws when there is none left. */
  take(): string {
    if (this.last === claimedAddress - 1) {
      throw new Error(`${this.cidr} has no address left: at most ${this.last} pods run in one local mesh`);
    }
    this.last++;
    return `${this.prefix}.${this.last}`;
  }

  release(): void {
    this.claim.close();
  }
}

function listen(host: string, port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', reject);
    server.listen(port, host, () => resolve(server));
  });
}
