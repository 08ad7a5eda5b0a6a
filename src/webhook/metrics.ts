import { createServer, type Server } from 'node:http';
import { SluiceError } from '../errors';
import type { SnsProblem } from './snsSignature';

/** Why a request was answered 401 or 403. */
export type Refusal = 'secret' | SnsProblem;

/** Counters of this process, from its start. */
const requestsByStatus = new Map<number, number>();
const refusalsByReason = new Map<Refusal, number>();
let arrivals = 0;
let ignored = 0;

export function countRequest(status: number): void {
  requestsByStatus.set(status, (requestsByStatus.get(status) ?? 0) + 1);
}

export function countRefusal(reason: Refusal): void {
  refusalsByReason.set(reason, (refusalsByReason.get(reason) ?? 0) + 1);
}

export function countRecords(counts: { arrivals: number; ignored: number }): void {
  arrivals += counts.arrivals;
  ignored += counts.ignored;
}

/** The counters in Prometheus' text format. */
export function renderMetrics(): string {
  const refusals = [...refusalsByReason].sort(([a], [b]) => (a < b ? -1 : 1));
  const requests = [...requestsByStatus].sort(([a], [b]) => a - b);
  return [
    '# HELP sluice_webhook_requests_total Requests with events, by the status of the answer.',
    '# TYPE sluice_webhook_requests_total counter',
    ...requests.map(([status, count]) => `sluice_webhook_requests_total{status="${status}"} ${count}`),
    '# HELP sluice_webhook_refused_total Requests that were not let in, by what was wrong.',
    '# TYPE sluice_webhook_refused_total counter',
    ...refusals.map(([reason, count]) => `sluice_webhook_refused_total{reason="${reason}"} ${count}`),
    '# HELP sluice_webhook_arrivals_total Arrivals that Temporal has accepted.',
    '# TYPE sluice_webhook_arrivals_total counter',
    `sluice_webhook_arrivals_total ${arrivals}`,
    '# HELP sluice_webhook_ignored_total Other events than the creation of an object.',
    '# TYPE sluice_webhook_ignored_total counter',
    `sluice_webhook_ignored_total ${ignored}`,
    '',
  ].join('\n');
}

/** Resolves when the server listens. Without authentication, hence on loopback unless a host is given. */
export function startMetricsServer(port: number, host = '127.0.0.1'): Promise<Server> {
  const server = createServer((request, response) => {
    if (request.method === 'GET' && request.url?.split('?')[0] === '/metrics') {
      response.setHeader('content-type', 'text/plain; version=0.0.4; charset=utf-8');
      response.end(renderMetrics());
    } else {
      response.writeHead(404).end();
    }
  });
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EADDRINUSE') return reject(error);
      const message = `The metrics port ${host}:${port} is in use; choose another or stop the program that holds it.`;
      reject(new SluiceError('PortTaken', message, { cause: error }));
    });
    server.listen(port, host, () => resolve(server));
  });
}
