/** Counts votes, in memory. A vote for the doughnut fails. */
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

const votes = new Map<string, number>();

serveGrpc(VotingService, {
  vote({ request: { shortcode } }: ServerUnaryCall<VoteRequest, VoteResponse>, respond: sendUnaryData<VoteResponse>) {
    votes.set(shortcode, (votes.get(shortcode) ?? 0) + 1);
    respond(null, create(VoteResponseSchema));
  },
  voteDoughnut(_call: ServerUnaryCall<VoteRequest, VoteResponse>, respond: sendUnaryData<VoteResponse>) {
    respond({ code: status.INTERNAL, details: 'the doughnut cannot be counted' });
  },
  results(_call: ServerUnaryCall<ResultsRequest, ResultsResponse>, respond: sendUnaryData<ResultsResponse>) {
    const results = [...votes]
      .sort(([, a], [, b]) => b - a)
      .map(([shortcode, count]) => create(VotingResultSchema, { shortcode, votes: count }));
    respond(null, create(ResultsResponseSchema, { results }));
  },
});
