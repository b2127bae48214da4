/** Votes without end: looks at the list, then votes for one of it. Every twelfth vote is for the doughnut. */
import { onStop, required } from './environment.ts';

const web = `http://${required('WEB_SVC')}`;
const votesPerSecond = Number(process.env['VOTES_PER_SECOND'] ?? '5');
if (!(votesPerSecond > 0)) throw new Error('VOTES_PER_SECOND must be a number above 0');

const timeoutMs = 5000;
let cast = 0;

async function castVote(): Promise<void> {
  const listed = await fetch(`${web}/api/list`, { signal: AbortSignal.timeout(timeoutMs) });
  const emoji = (await listed.json()) as { shortcode: string }[];
  cast++;
  const { shortcode } =
    cast % 12 === 0 ? { shortcode: ':doughnut:' } : emoji.filter((e) => e.shortcode !== ':doughnut:')[cast % 11];
  const query = new URLSearchParams({ choice: shortcode });
  const voted = await fetch(`${web}/api/vote?${query}`, { method: 'POST', signal: AbortSignal.timeout(timeoutMs) });
  await voted.text();
  console.log(`${shortcode} ${voted.status}`);
}

const timer = setInterval(() => {
  castVote().catch((error: Error) => console.error(`no vote: ${error.message} ${error.cause ?? ''}`));
}, 1000 / votesPerSecond);

onStop(() => clearInterval(timer));
