/**
 * Counts votes, in memory. Of the votes for the doughnut every `DOUGHNUT_FAILS_EVERY`th fails: all of them by default, none
 * with 0.
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

const failsEvery = Number(process.env['DOUGHNUT_FAILS_EVERY'] ?? '1');
if (!Number.isInteger(failsEvery) || failsEvery < 0) {
  throw new Error('DOUGHNUT_FAILS_EVERY must be a whole number from 0');
}

const votes = new Map<string, number>();
let doughnuts = 0;

function count(shortcode: string, respond: sendUnaryData<VoteResponse>): void {
  votes.set(shortcode, (votes.get(shortcode) ?? 0) + 1);
  respond(null, create(VoteResponseSchema));
}

serveGrpc(VotingService, {
  vote({ request: { shortcode } }: ServerUnaryCall<VoteRequest, VoteResponse>, respond: sendUnaryData<VoteResponse>) {
    count(shortcode, respond);
  },
  voteDoughnut(
    { request: { shortcode } }: ServerUnaryCall<VoteRequest, VoteResponse>,
    respond: sendUnaryData<VoteResponse>,
  ) {
    doughnuts++;
    if (failsEvery > 0 && doughnuts % failsEvery === 0) {
      respond({ code: status.INTERNAL, details: 'the doughnut cannot be counted' });
    } else {
      count(shortcode, respond);
    }
  },
  results(_call: ServerUnaryCall<ResultsRequest, ResultsResponse>, respond: sendUnaryData<ResultsResponse>) {
    const results = [...votes]
      .sort(([, a], [, b]) => b - a)
      .map(([shortcode, count]) => create(VotingResultSchema, { shortcode, votes: count }));
    respond(null, create(ResultsResponseSchema, { results }));
  },
});
