/** How long an authorizer's answer is waited for, in ms: the default is Envoy's. */
export const authorizerTimeoutMs = { least: 1, most: 10_000, usual: 200 } as const;
