/** Asks `URL` 20 times a second, and prints the time (ms since the epoch) and the status whenever that is another. */
const [url] = process.argv.slice(2);
let last = '';

setInterval(async () => {
  const answer = await fetch(url, { signal: AbortSignal.timeout(5000) }).then(
    async (response) => {
      await response.text();
      return `${response.status}`;
    },
    (error: Error) => error.name,
  );
  if (answer !== last) console.log(`${Date.now()} ${answer}`);
  last = answer;
}, 50);
process.once('SIGTERM', () => process.exit(0));
