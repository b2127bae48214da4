/** A ServiceProfile to begin with, by its Service's full name: each field that there is, with what it is for. */
export const profileTemplate = (name: string, namespace: string): string => `apiVersion: linkerd.io/v1alpha2
kind: ServiceProfile
metadata:
  name: ${name}
  namespace: ${namespace}
spec:
  # Looked at in this order: the first that fits a request is its route.
  routes:
    # As it is shown by 'tulle routes', and as metrics have it (rt_route).
    - name: GET /items/{id}
      # all, any and not hold conditions again.
      condition:
        method: GET
        # Must match the whole path, without the query.
        pathRegex: /items/[^/]*
      # Whether a request that failed may be sent again; only where that does no harm.
      isRetryable: true
      # From the request to the end of the response; without it requests are waited for.
      timeout: 300ms
      # What a failure is; without any, the statuses of 500 and above.
      responseClasses:
        - condition:
            status:
              min: 500
              max: 599
          isFailure: true
  # How many requests may be sent again, of all routes together.
  retryBudget:
    # For each request that is not a retry.
    retryRatio: 0.2
    # Besides, so that a Service with few calls has some.
    minRetriesPerSecond: 10
    # How long a request counts for that.
    ttl: 10s
`;
