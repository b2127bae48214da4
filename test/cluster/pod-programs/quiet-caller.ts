/**
 * Calls each `URL` every `SECONDS`, over a new connection. Prints each call that fails, and behind each how many there
 * were of that URL.
 */
import { request } from 'node:http';

const [seconds, ...urls] = process.argv.slice(2);

function call(url: string, count: { sent: number }): void {
  const startMs = Date.now();
  const end = (failure: string | undefined): void => {
    count.sent++;
    if (failure !== undefined) {
      console.log(`failed ${new Date(startMs).toISOString()} ${url} after ${Date.now() - startMs} ms: ${failure}`);
    }
    console.log(JSON.stringify({ url, sent: count.sent }));
  };
  const sending = request(url, { agent: false, timeout: 10_000 }, (response) => {
    let text = '';
    response.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
    response.on('end', () => end(response.statusCode === 200 ? undefined : `${response.statusCode} ${text}`));
    response.on('error', (error) => end(error.message));
  });
  sending.on('timeout', () => sending.destroy(new Error('no answer in 10 s')));
  sending.on('error', (error) => end(error.message));
  sending.end();
}

for (const url of urls) {
  const count = { sent: 0 };
  call(url, count);
  setInterval(() => call(url, count), Number(seconds) * 1000);
}
process.once('SIGTERM', () => process.exit(0));
