import { AdmittedClients } from '../admitted-clients.ts';
import type { Rule } from '../finding.ts';
import type { Entry, ManifestModel } from '../manifest-model.ts';
import { servedWorkloads, serversOfPort } from '../server-places.ts';
import { TokenPorts } from '../token-ports.ts';

/** Whose names say that they scrape. */
const scraper = /prometheus|victoria|vmagent|otel|opentelemetry|alloy|grafana-agent|datadog/i;

/** Annotations of pods send Prometheus to a port that lets it in. */
export const scrapesLetIn: Rule = {
  id: 'scrape-shut-out',
  *check<E extends Entry>(model: ManifestModel<E>) {
    const admitted = new AdmittedClients(model);
    const tokens = new TokenPorts(model);
    for (const served of servedWorkloads(model)) {
      const { entry, workload } = served;
      const port = workload.ports.find(({ number }) => number === workload.scraped);
      // In explicit mode it asks the application itself, by the address of its pod.
      if (!entry.isMeshed || served.isExplicit || port === undefined || port.skipped) continue;
      const [server] = serversOfPort(served, port);
      const clients = server === undefined ? admitted.ofDefault(port.policy) : admitted.ofServer(server);
      const wantsToken = server !== undefined && tokens.wantedBy(server);
      const isLetIn = clients.anonymous || clients.everyIdentity || clients.named.some((name) => scraper.test(name));
      if (isLetIn && !wantsToken) continue;
      yield {
        ...{ severity: 'warning' as const, at: entry as E, field: '' },
        message: `Prometheus is told to scrape port ${port.number}, where ${wantsToken ? 'requests with a token alone are let in' : 'it is not let in'}`,
        fix: wantsToken
          ? 'ask for tokens at the other ports alone'
          : `name who scrapes as a caller, or let it in without an identity (allowUnmeshed(${port.number}) with its networks, or a policy that asks for a NetworkAuthentication alone)`,
      };
    }
  },
};
