/** Gives out addresses, each once. */
export interface Addresses {
  pod(): string;
  service(): string;
}

/** Stands for all that is outside of the cluster and of the mesh, who calls and who is called. */
export const outsideAddress = '203.0.113.1';

/** Those that clusters have by default, within the networks that a mesh takes for its cluster's. */
export function numbered(): Addresses {
  let pods = 0;
  let services = 0;
  const address = (network: string, number: number): string => `${network}.${(number >> 8) & 255}.${number & 255}`;
  return {
    pod: () => address('10.244', ++pods),
    service: () => address('10.96', ++services),
  };
}
