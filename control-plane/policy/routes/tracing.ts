import type { MessageInitShape } from '@bufbuild/protobuf';
import type { RouteTracingSchema } from '../../../api/gen/tulle_pb.js';

/** Undefined where each proxy decides by its own rate. */
export const tracingToApi = (
  sampleRate: number | undefined,
): MessageInitShape<typeof RouteTracingSchema> | undefined => (sampleRate === undefined ? undefined : { sampleRate });
