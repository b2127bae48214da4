import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { isIPv4 } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, type DescMessage, type MessageShape, toJson } from '@bufbuild/protobuf';
import { type ClientReadableStream, credentials, type ServiceError } from '@grpc/grpc-js';
import pino from 'pino';
import { InboundServerPolicies, PortSpecSchema, ServerSchema } from '../../api/gen/inbound_pb.js';
import { OutboundPolicies, OutboundPolicySchema, TrafficSpecSchema } from '../../api/gen/outbound_pb.js';
import { GrpcClient } from '../../api/grpc.ts';
import { startDestination } from '../components/destination.ts';
import { addressToApi } from '../destination/addresses.ts';
import type { Component } from '../serving/component.ts';
import { Flags } from '../serving/flags.ts';

/** What a stream has said, in JSON, and how it ended. */
export interface Seen {
  readonly messages: object[];
  error?: ServiceError;
}

/** A policy component that serves a folder of manifests, and a client of it. */
export class PolicyWorld {
  private readonly folder: string;
  private readonly component: Component;
  private readonly client: GrpcClient;
  private readonly calls: { cancel(): void }[] = [];

  /** The client asks at the address for policy, or at that for discovery, where the same is served. */
  static async start(
    objects: readonly object[],
    flags: Readonly<Record<string, string>> = {},
    asks: 'policy' | 'discovery' = 'policy',
  ): Promise<PolicyWorld> {
    const folder = mkdtempSync(join(tmpdir(), 'tulle-policy-'));
    write(folder, objects);
    const address = '127.0.0.1:0';
    const component = await startDestination(
      new Flags({
        addr: address,
        'policy-addr': address,
        'admin-addr': address,
        source: `file:${folder}`,
        'cluster-networks': '10.0.0.0/8',
        ...flags,
      }),
      pino({ level: 'silent' }),
    );
    return new PolicyWorld(folder, component, component.ports[asks === 'discovery' ? 0 : 1]);
  }

  private constructor(folder: string, component: Component, port: number) {
    this.folder = folder;
    this.component = component;
    this.client = new GrpcClient(`127.0.0.1:${port}`, credentials.createInsecure());
  }

  /** Replaces all objects. */
  write(...objects: object[]): void {
    write(this.folder, objects);
  }

  watchPort(port: number, workload = '{"ns":"shop","pod":"web"}'): Seen {
    const request = create(PortSpecSchema, { workload, port });
    return this.collect(this.client.stream(InboundServerPolicies.method.watchPort, request), ServerSchema);
  }

  /** Of an authority, or of an address: `10.0.0.1:80`. */
  watchOutbound(asked: string, client = '{"ns":"shop","pod":"client"}'): Seen {
    const [host, port] = asked.split(':');
    const address = isIPv4(host) ? addressToApi(host, Number(port)) : undefined;
    const request = create(TrafficSpecSchema, {
      sourceWorkload: client,
      target: address === undefined ? { case: 'authority', value: asked } : { case: 'addr', value: address },
    });
    return this.collect(this.client.stream(OutboundPolicies.method.watch, request), OutboundPolicySchema);
  }

  async stop(): Promise<void> {
    for (const call of this.calls) call.cancel();
    this.client.close();
    await this.component.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  private collect<Desc extends DescMessage>(call: ClientReadableStream<MessageShape<Desc>>, schema: Desc): Seen {
    const seen: Seen = { messages: [] };
    call.on('data', (message: MessageShape<Desc>) => seen.messages.push(toJson(schema, message) as object));
    call.on('error', (error: ServiceError) => {
      seen.error = error;
    });
    this.calls.push(call);
    return seen;
  }
}

/** At once, so that nobody reads half of it. */
function write(folder: string, objects: readonly object[]): void {
  const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
  writeFileSync(join(folder, '.objects'), list);
  renameSync(join(folder, '.objects'), join(folder, 'objects.json'));
}
