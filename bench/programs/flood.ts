/**
 * Sends bytes to the sink as fast as they are taken, until the time is over and the sink has had all, and prints how
 * many. With an authority, the way there is opened by CONNECT, as applications without interception do it.
 *
 * Usage: bun flood.ts HOST PORT SECONDS [AUTHORITY]
 */
import { systemClock } from '../../proxy/clock.ts';
import { connect } from '../../proxy/net/connect.ts';
import type { Connection } from '../../proxy/wire/transport.ts';

const [host, port, seconds, authority] = process.argv.slice(2);
const block = Buffer.alloc(128 * 1024, 7);
/** Each run of the sink is as long as this; the next begins when it has answered. */
const runBytes = 64 * 1024 * 1024;
let sentBytes = 0;
let startMs = 0;

function fail(reason: string): never {
  console.error(reason);
  process.exit(1);
}

function run(connection: Connection): void {
  let left = runBytes;
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(runBytes));
  connection.write(length);
  const pump = (): void => {
    while (left > 0) {
      const part = left < block.length ? block.subarray(0, left) : block;
      left -= part.length;
      if (!connection.write(part)) return;
    }
  };
  connection.handler = {
    onBytes() {
      sentBytes += runBytes;
      const elapsed = (performance.now() - startMs) / 1000;
      connection.close();
      if (elapsed < Number(seconds)) open();
      else {
        console.log(JSON.stringify({ bytes: sentBytes, seconds: elapsed }));
        process.exit(0);
      }
    },
    onDrain: pump,
    onEnd: () => {},
    onClose: (error) => {
      if (error !== undefined) fail(`connection closed: ${error.message}`);
    },
  };
  pump();
}

function open(): void {
  connect(
    { host, port: Number(port), timeoutMs: 3000, timers: systemClock },
    (connection) => {
      if (startMs === 0) startMs = performance.now();
      if (authority === undefined) {
        run(connection);
        return;
      }
      connection.handler = {
        onBytes(chunk) {
          const text = Buffer.from(chunk).toString('latin1');
          if (!text.startsWith('HTTP/1.1 200')) fail(`CONNECT was refused: ${text.slice(0, 100)}`);
          run(connection);
        },
        onDrain() {},
        onEnd: () => fail('ended before the tunnel was open'),
        onClose: (error) => fail(`closed before the tunnel was open: ${error?.message}`),
      };
      connection.write(Buffer.from(`CONNECT ${authority} HTTP/1.1\r\nhost: ${authority}\r\n\r\n`));
    },
    (_failure, detail) => fail(detail),
  );
}
open();
