/**
 * Counts votes, in memory. A vote for the doughnut fails, unless `DOUGHNUT=counts`; with `FAILS_EVERY=3` every third vote does,
 * as if the service had too much to do.
 */
import { create } from '@bufbuild/protobuf';
import { type ServerUnaryCall, type sendUnaryData, status } from '@grpc/grpc-js';
import {
  type ResultsRequest,
  type ResultsResponse,
  ResultsResponseSchema,
  type VoteRequest,
  type VoteResponse,
  VoteResponseSchema,
  VotingResultSchema,
  VotingService,
} from '../gen/emojivoto/v1/voting_pb.js';
import { serveGrpc } from './grpc-server.ts';

const doughnutCounts = process.env['DOUGHNUT'] === 'counts';
const failsEvery = Number(process.env['FAILS_EVERY'] ?? '0');
if (!Number.isInteger(failsEvery) || failsEvery < 0) throw new Error('FAILS_EVERY must be a whole number from 0');

const votes = new Map<string, number>();
let cast = 0;

function count({ shortcode }: VoteRequest, respond: sendUnaryData<VoteResponse>): void {
  cast++;
  if (failsEvery > 0 && cast % failsEvery === 0) {
    respond({ code: status.UNAVAILABLE, details: 'too many votes: try again' });
    return;
  }
  votes.set(shortcode, (votes.get(shortcode) ?? 0) + 1);
  respond(null, create(VoteResponseSchema));
}

serveGrpc(VotingService, {
  vote({ request }: ServerUnaryCall<VoteRequest, VoteResponse>, respond: sendUnaryData<VoteResponse>) {
    count(request, respond);
  },
  voteDoughnut({ request }: ServerUnaryCall<VoteRequest, VoteResponse>, respond: sendUnaryData<VoteResponse>) {
    if (doughnutCounts) count(request, respond);
    else respond({ code: status.INTERNAL, details: 'the doughnut cannot be counted' });
  },
  results(_call: ServerUnaryCall<ResultsRequest, ResultsResponse>, respond: sendUnaryData<ResultsResponse>) {
    const results = [...votes]
      .sort(([, a], [, b]) => b - a)
      .map(([shortcode, count]) => create(VotingResultSchema, { shortcode, votes: count }));
    respond(null, create(ResultsResponseSchema, { results }));
  },
});
