/**
 * Votes at `URL`, `RATE` times a second: one request for the list, one for the vote, by turns over connections that
 * are kept and over new ones. Prints each request that fails, and once a second how many there were.
 */
import { Agent, request } from 'node:http';

const [url, rate] = process.argv.slice(2);
const kept = new Agent({ keepAlive: true });
let sent = 0;
let failed = 0;

function send(method: string, path: string, agent: Agent | false): Promise<void> {
  sent++;
  const startMs = Date.now();
  return new Promise((resolve) => {
    const end = (failure: string | undefined): void => {
      if (failure !== undefined) {
        failed++;
        const what = `${method} ${path} ${agent === false ? 'over a new connection' : 'over a kept connection'}`;
        console.log(`failed ${new Date(startMs).toISOString()} ${what} after ${Date.now() - startMs} ms: ${failure}`);
      }
      resolve();
    };
    const sending = request(`${url}${path}`, { method, agent, timeout: 10_000 }, (response) => {
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
  });
}

let turn = 0;
async function vote(): Promise<void> {
  const agent = turn++ % 2 === 0 ? kept : false;
  await send('GET', '/api/list', agent);
  await send('POST', `/api/vote?choice=${encodeURIComponent(':joy:')}`, agent);
}

setInterval(() => void vote(), 1000 / Number(rate));
setInterval(() => console.log(JSON.stringify({ sent, failed })), 1000);
process.once('SIGTERM', () => process.exit(0));
