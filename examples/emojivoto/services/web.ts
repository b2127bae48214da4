/** The page and its JSON: asks emoji and voting over gRPC. Each answer says which `VERSION` it is of. */
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import { Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { EmojiService, FindByShortcodeRequestSchema, ListAllEmojiRequestSchema } from '../gen/emojivoto/v1/emoji_pb.js';
import { ResultsRequestSchema, VoteRequestSchema, VotingService } from '../gen/emojivoto/v1/voting_pb.js';
import { host, onStop, required } from './environment.ts';
import { page } from './page.ts';
import { UnaryClient } from './service-definition.ts';

const port = 8080;
const version = process.env['VERSION'] ?? '1';
/** How much longer the leaderboard takes than it has to. */
const leaderboardDelayMs = Number(process.env['LEADERBOARD_DELAY_MS'] ?? '0');
const emoji = new UnaryClient(EmojiService, required('EMOJI_SVC'));
const voting = new UnaryClient(VotingService, required('VOTING_SVC'));

const list = async () =>
  (await emoji.call(EmojiService.method.listAll, create(ListAllEmojiRequestSchema))).list.map(
    ({ shortcode, unicode }) => ({ shortcode, unicode }),
  );

async function leaderboard() {
  if (leaderboardDelayMs > 0) await sleep(leaderboardDelayMs);
  const [all, { results }] = await Promise.all([
    list(),
    voting.call(VotingService.method.results, create(ResultsRequestSchema)),
  ]);
  const unicodes = new Map(all.map(({ shortcode, unicode }) => [shortcode, unicode]));
  return results.map(({ shortcode, votes }) => ({ shortcode, unicode: unicodes.get(shortcode), votes }));
}

/** The trace that a vote belongs to is passed on with what it asks for. */
async function castVote(shortcode: string, { traceparent }: IncomingHttpHeaders) {
  const metadata = new Metadata();
  if (typeof traceparent === 'string') metadata.set('traceparent', traceparent);
  await emoji.call(EmojiService.method.findByShortcode, create(FindByShortcodeRequestSchema, { shortcode }), metadata);
  const { vote, voteDoughnut } = VotingService.method;
  const method = shortcode === ':doughnut:' ? voteDoughnut : vote;
  await voting.call(method, create(VoteRequestSchema, { shortcode }), metadata);
  return { shortcode };
}

const server = createServer(async (request, response) => {
  const url = new URL(request.url ?? '/', 'http://web');
  request.resume();
  response.setHeader('x-version', version);
  try {
    switch (`${request.method} ${url.pathname}`) {
      case 'GET /':
        response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(page);
        break;
      case 'GET /health':
        response.writeHead(204).end();
        break;
      case 'GET /api/list':
        json(response, 200, await list());
        break;
      case 'GET /api/leaderboard':
        json(response, 200, await leaderboard());
        break;
      case 'POST /api/vote':
        json(response, 200, await castVote(url.searchParams.get('choice') ?? '', request.headers));
        break;
      default:
        json(response, 404, { error: `there is no ${request.method} ${url.pathname}` });
    }
  } catch (error) {
    const { code, details } = error as ServiceError;
    json(response, code === status.NOT_FOUND ? 404 : 500, { error: details ?? (error as Error).message });
  }
});

function json(response: ServerResponse, code: number, body: unknown): void {
  response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

server.listen(port, host, () => console.log(`web listens on ${host}:${port}`));
onStop(() => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
