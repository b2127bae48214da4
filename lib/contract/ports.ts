/** Ports where the mesh listens. Who serves one and who dials it read it here. */

/** Of the control plane's components. */
export const meshPorts = {
  identity: 8080,
  identityAdmin: 9990,
  destination: 8086,
  policy: 8090,
  destinationAdmin: 9996,
  serviceProfileValidator: 8443,
  policyValidator: 9443,
  proxyInjector: 8443,
  proxyInjectorAdmin: 9995,
  tap: 8089,
  tapAdmin: 9998,
} as const;

/** Of a sidecar, where no setting says otherwise. */
export const proxyPorts = { outbound: 4140, inbound: 4143, control: 4190, admin: 4191 } as const;

/** Ports that are passed on as they are where nobody says otherwise: their protocols let the server speak first. */
export const defaultOpaquePorts = '25,587,3306,4444,5432,6379,9300,11211';
