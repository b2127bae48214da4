import { Agent, request } from 'node:https';

export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers: Readonly<Record<string, unknown>>;
}

/** Calls a webhook as the API server does: TLS with its authorities, connections kept. */
export class WebhookClient {
  readonly agent: Agent;
  private readonly port: number;

  constructor(port: number, ca: string, options: { servername?: string; maxSockets?: number } = {}) {
    this.port = port;
    const { servername = 'localhost', maxSockets = 25 } = options;
    this.agent = new Agent({ ca, servername, keepAlive: true, maxSockets });
  }

  post(body: string, headers: Record<string, string> = {}, path = '/?timeout=10s', method = 'POST'): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const call = request(
        {
          agent: this.agent,
          host: '127.0.0.1',
          port: this.port,
          path,
          method,
          headers: {
            'content-type': 'application/json',
            ...(headers['transfer-encoding'] === undefined ? { 'content-length': Buffer.byteLength(body) } : {}),
            ...headers,
          },
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', reject);
          response.on('end', () =>
            resolve({
              status: response.statusCode ?? 0,
              body: Buffer.concat(chunks).toString('utf8'),
              headers: response.headers,
            }),
          );
        },
      );
      call.on('error', reject);
      call.end(body);
    });
  }

  /** The `response` of the review that comes back. */
  async review(request: Record<string, unknown>, apiVersion = 'admission.k8s.io/v1'): Promise<ReviewResponse> {
    const { status, body } = await this.post(
      JSON.stringify({ apiVersion, kind: 'AdmissionReview', request: { uid: 'u-1', operation: 'CREATE', ...request } }),
    );
    if (status !== 200) throw new Error(`${status}: ${body}`);
    const review = JSON.parse(body) as { apiVersion: string; response: ReviewResponse };
    if (review.apiVersion !== apiVersion) throw new Error(`answered in ${review.apiVersion}`);
    return review.response;
  }

  close(): void {
    this.agent.destroy();
  }
}

export interface ReviewResponse {
  readonly uid: string;
  readonly allowed: boolean;
  readonly status?: { readonly message: string; readonly code: number };
  readonly patchType?: string;
  readonly patch?: string;
  readonly warnings?: readonly string[];
}
