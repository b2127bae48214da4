import type { TransportHandler } from './transport.ts';

/** The handler of a connection that nobody owns yet, or any more. */
export const nobody: TransportHandler = {
  onBytes() {},
  onDrain() {},
  onEnd() {},
  onClose() {},
};
