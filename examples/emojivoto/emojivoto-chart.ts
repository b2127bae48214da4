import type { DescService } from '@bufbuild/protobuf';
import { ApiObject, JsonPatch } from 'cdk8s';
import * as kplus from 'cdk8s-plus-27';
import type { Construct } from 'constructs';
import { EmojiService } from './gen/emojivoto/v1/emoji_pb.js';
import { VotingService } from './gen/emojivoto/v1/voting_pb.js';
import { type EmojivotoProps, Workloads } from './workloads.ts';

export type { EmojivotoProps } from './workloads.ts';

const port = 8080;

/**
 * Four services after the well-known demo:
 *
 *     vote-bot --HTTP--> web --gRPC--> emoji
 *                            --gRPC--> voting
 */
export class Emojivoto extends Workloads {
  constructor(scope: Construct, id: string, props: EmojivotoProps = {}) {
    super(scope, id, props);
    const namespace = new kplus.Namespace(this, 'namespace', { metadata: { name: 'emojivoto' } });
    // cdk8s writes the chart's namespace on every object; a Namespace is in none.
    ApiObject.of(namespace).addJsonPatch(JsonPatch.remove('/metadata/namespace'));

    this.service('emoji', { port });
    // Votes are no secret.
    this.service('voting', { port, tapBodies: true });
    this.routes('emoji-svc', EmojiService);
    this.routes('voting-svc', VotingService);
    this.service('web', {
      port: 80,
      labels: { pool: 'web' },
      env: { EMOJI_SVC: 'emoji-svc.emojivoto:8080', VOTING_SVC: 'voting-svc.emojivoto:8080' },
    });
    this.client('vote-bot', { env: { WEB_SVC: 'web-svc.emojivoto:80', VOTES_PER_SECOND: '5' } });
  }

  /** Each method of a gRPC service is a route, which metrics tell apart. */
  private routes(service: string, { typeName, methods }: DescService): void {
    new ApiObject(this, `${service}-profile`, {
      apiVersion: 'linkerd.io/v1alpha2',
      kind: 'ServiceProfile',
      metadata: { name: `${service}.${this.namespace}.svc.cluster.local` },
      spec: {
        routes: methods.map(({ name }) => ({
          name,
          condition: { method: 'POST', pathRegex: `/${typeName.replaceAll('.', '\\.')}/${name}` },
        })),
      },
    });
  }
}

/** Other versions of web and voting, each with a Service of its own: what rules of traffic can lead to. And whom to ask. */
export class EmojivotoVersions extends Workloads {
  constructor(scope: Construct, id: string, props: EmojivotoProps = {}) {
    super(scope, id, props);
    // Its leaderboard has become slow.
    this.service('web-v2', {
      program: 'web',
      port: 80,
      labels: { pool: 'web' },
      env: {
        VERSION: '2',
        LEADERBOARD_DELAY_MS: '2000',
        EMOJI_SVC: 'emoji-svc.emojivoto:8080',
        VOTING_SVC: 'voting-svc.emojivoto:8080',
      },
    });
    const both = { program: 'voting', port, labels: { pool: 'voting' } };
    this.service('voting-v2', { ...both, env: { DOUGHNUT: 'counts' } });
    this.service('voting-shaky', { ...both, env: { DOUGHNUT: 'counts', FAILS_EVERY: '3' } });
    this.service('authorizer', { port: 9191 });
  }
}
