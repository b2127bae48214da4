/** Upper bounds of `response_latency_ms`, as proxies have them. */
const bounds = [
  ...[1, 2, 3, 4, 5, 10, 20, 30, 40, 50, 100, 200, 300, 400, 500, 1000, 2000, 3000, 4000, 5000, 10_000, 20_000],
  ...[30_000, 40_000, 50_000, '+Inf'],
];
const dependencies = 10;
const endpointsOfEach = 3;

/** Series of requests with all that a proxy counts of one label set: each is answered within 3 ms. */
function requests(labels: string, total: number): string[] {
  const answered = `${labels},status_code="200"`;
  return [
    `request_total{${labels}} ${total}`,
    `response_total{${answered},classification="success"} ${total}`,
    ...bounds.map((le, i) => `response_latency_ms_bucket{${answered},le="${le}"} ${i < 2 ? 0 : total}`),
    `response_latency_ms_sum{${answered}} ${2.5 * total}`,
    `response_latency_ms_count{${answered}} ${total}`,
  ];
}

const connections = (labels: string, total: number): string[] => [
  `tcp_open_total{${labels}} 4`,
  `tcp_open_connections{${labels}} 2`,
  `tcp_read_bytes_total{${labels}} ${100 * total}`,
  `tcp_write_bytes_total{${labels}} ${1000 * total}`,
  `tcp_close_total{${labels}} 2`,
];

/**
 * What the sidecar of a pod of Deployment `web` tells that has answered `total` requests of two clients, and sent as many
 * to each of three endpoints of ten dependencies: 1,200 samples, as real proxies name and label them.
 */
export function sidecarMetrics(ip: string, total: number): string {
  const identity = 'serviceaccount.identity.tulle.cluster.local';
  const lines = ['# HELP request_total Total count of HTTP requests.', '# TYPE request_total counter'];
  for (const client of ['front', 'ingress']) {
    const labels = `direction="inbound",target_addr="${ip}:8080",target_ip="${ip}",target_port="8080",tls="true",client_id="${client}.shop.${identity}"`;
    const server =
      'srv_group="policy.linkerd.io",srv_kind="server",srv_name="web-http",srv_port="8080",route_group="",route_kind="default",route_name="default",authz_group="policy.linkerd.io",authz_kind="authorizationpolicy",authz_name="web"';
    lines.push(...requests(`${labels},${server}`, total), ...connections(`peer="src",${labels}`, total));
  }
  for (let service = 0; service < dependencies; service++) {
    const name = `dependency-${service}`;
    for (let endpoint = 0; endpoint < endpointsOfEach; endpoint++) {
      const peer = `10.2.${service}.${endpoint + 1}`;
      const labels =
        `target_addr="${peer}:8080",target_ip="${peer}",target_port="8080",tls="true",server_id="${name}.shop.${identity}",` +
        `dst_control_plane_ns="tulle",dst_deployment="${name}",dst_namespace="shop",dst_pod="${name}-7f9c6b5d4-x${endpoint}kqz",` +
        `dst_pod_template_hash="7f9c6b5d4",dst_service="${name}",dst_serviceaccount="${name}"`;
      lines.push(
        ...requests(`direction="outbound",authority="${name}.shop.svc.cluster.local:8080",${labels}`, total),
        ...connections(`direction="outbound",peer="dst",${labels}`, total),
      );
    }
  }
  return `${lines.join('\n')}\n`;
}
