/**
 * Says whether requests may come in, as Envoy has authorizers asked (envoy.service.auth.v3.Authorization/Check), for
 * docs/guides/authorization.md: the leaderboard is for those whose request has the header `x-ticket`.
 */
import { create } from '@bufbuild/protobuf';
import { type ServerUnaryCall, type sendUnaryData, status } from '@grpc/grpc-js';
import {
  Authorization,
  type CheckRequest,
  type CheckResponse,
  CheckResponseSchema,
} from '../gen/envoy/service/auth/v3/external_auth_pb.js';
import { serveGrpc } from './grpc-server.ts';

serveGrpc(Authorization, {
  check({ request }: ServerUnaryCall<CheckRequest, CheckResponse>, respond: sendUnaryData<CheckResponse>) {
    const { path = '', headers = {} } = request.attributes?.request?.http ?? {};
    const mayComeIn = !path.startsWith('/api/leaderboard') || headers['x-ticket'] !== undefined;
    const answer = mayComeIn
      ? { status: { code: status.OK } }
      : {
          status: { code: status.PERMISSION_DENIED },
          deniedResponse: { status: { code: 402 }, body: 'the leaderboard is for those with a ticket' },
        };
    respond(null, create(CheckResponseSchema, answer));
  },
});
