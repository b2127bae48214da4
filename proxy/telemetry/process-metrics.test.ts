import { expect, it } from 'vitest';
import { processMetrics } from './process-metrics.ts';

function scrape(expiresMs: number | undefined): Map<string, number> {
  const into: string[] = [];
  processMetrics('1.0', 0, () => ({ expiresMs, refreshedMs: 5000, refreshes: 3, failures: 2 }))(into);
  const samples = into
    .join('')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(samples.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]));
}

it('the process is told under the names of the Prometheus clients', () => {
  const samples = scrape(undefined);
  const [virtual, resident] = ['virtual', 'resident'].map((kind) => samples.get(`process_${kind}_memory_bytes`) ?? 0);
  expect(resident).toBeGreaterThan(1_000_000);
  expect(virtual).toBeGreaterThan(resident);
  expect(samples.get('process_open_fds')).toBeGreaterThan(0);
  expect(samples.get('process_cpu_seconds_total')).toBeGreaterThan(0);
});

it("the certificate is told under the names of Linkerd's proxy, those of today and those before", () => {
  const samples = scrape(9000);
  expect(samples.get('control_identity_cert_expiration_timestamp_seconds')).toBe(9);
  expect(samples.get('control_identity_cert_refresh_timestamp_seconds')).toBe(5);
  expect(samples.get('control_identity_cert_refreshes_total{result="ok"}')).toBe(3);
  expect(samples.get('control_identity_cert_refreshes_total{result="error"}')).toBe(2);
  expect(samples.get('identity_cert_expiration_timestamp_seconds')).toBe(9);
});

it('before the first certificate only the attempts are told', () => {
  const samples = scrape(undefined);
  expect(samples.get('control_identity_cert_refreshes_total{result="error"}')).toBe(2);
  expect(samples.has('control_identity_cert_expiration_timestamp_seconds')).toBe(false);
});
