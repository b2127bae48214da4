/** A variable that the service cannot do without. Throws when it is not set. */
export function required(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} must be set: see examples/emojivoto/emojivoto-chart.ts for what it is`);
  return value;
}

/** Where to listen: on the pod's own address, as a local mesh runs many pods on one machine. */
export const host = process.env['POD_IP'] || '0.0.0.0';

/** Ends the process in an orderly way when the kubelet asks. */
export function onStop(stop: () => void): void {
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
}
