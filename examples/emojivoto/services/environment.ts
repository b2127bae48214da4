/** A variable that the service cannot do without. Throws when it is not set. */
export function required(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} must be set: see examples/emojivoto/emojivoto-chart.ts for what it is`);
  return value;
}

/** Where to listen: on the pod's own address, as a local mesh runs many pods on one machine. */
export const host = process.env['POD_IP'] || '0.0.0.0';

/**
 * Calls `stop` when the kubelet asks the process to end: at once, or `DRAIN_MS` later. A server does well to go on until
 * all clients have heard that it ends; the kubelet tells it no later than them.
 */
export function onStop(stop: () => void): void {
  const stopLater = (): void => void setTimeout(stop, Number(process.env['DRAIN_MS'] ?? 0));
  process.once('SIGTERM', stopLater);
  process.once('SIGINT', stopLater);
}
