import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

interface Run {
  Id: string;
  JobName: string;
  JobRunState: string;
  Arguments: Record<string, string>;
  StartedOn: number;
}

/** What the next call of an operation does instead of its work, or after it. */
export interface Fault {
  operation: string;
  status: number;
  type: string;
  message: string;
  /** The work is done, and the answer lost. */
  accepted?: boolean;
}

/**
 * A strict double of AWS Glue's job runs, spoken to over the wire by the real SDK (JSON 1.1 protocol). It counts calls, keeps the
 * runs, and does each fault once.
 */
export class GlueDouble {
  readonly runs = new Map<string, Run>();
  readonly calls: Record<string, number> = {};
  readonly faults: Fault[] = [];
  private readonly server: Server;

  constructor(private readonly jobs: readonly string[]) {
    this.server = createServer((request, response) => {
      void readBody(request).then((body) => {
        const operation = String(request.headers['x-amz-target']).replace('AWSGlue.', '');
        this.calls[operation] = (this.calls[operation] ?? 0) + 1;
        const answer = (status: number, content: object) => {
          response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' });
          response.end(JSON.stringify(content));
        };
        const index = this.faults.findIndex((fault) => fault.operation === operation);
        const [fault] = index === -1 ? [] : this.faults.splice(index, 1);
        if (fault && !fault.accepted)
          return answer(fault.status, { __type: fault.type, message: fault.message });
        const [status, content] = this.handle(operation, JSON.parse(body) as Record<string, unknown>);
        if (fault) return answer(fault.status, { __type: fault.type, message: fault.message });
        return answer(status, content);
      });
    });
  }

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  stop(): Promise<void> {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(() => resolve()));
  }

  private handle(operation: string, input: Record<string, unknown>): [number, object] {
    const missing: [number, object] = [
      400,
      { __type: 'EntityNotFoundException', message: 'Entity Not Found' },
    ];
    const { JobName } = input as { JobName: string };
    if (!this.jobs.includes(JobName)) return missing;
    switch (operation) {
      case 'StartJobRun': {
        const Id = `jr_${this.runs.size}`;
        const { Arguments = {} } = input as { Arguments?: Record<string, string> };
        this.runs.set(Id, { Id, JobName, JobRunState: 'STARTING', Arguments, StartedOn: Date.now() / 1000 });
        return [200, { JobRunId: Id }];
      }
      case 'GetJobRun': {
        const run = this.runs.get((input as { RunId: string }).RunId);
        return run ? [200, { JobRun: run }] : missing;
      }
      case 'GetJobRuns': {
        const { NextToken } = input as { NextToken?: string };
        // A page of one: whoever reads only the first misses the rest.
        const newestFirst = [...this.runs.values()].filter((run) => run.JobName === JobName).reverse();
        const at = Number(NextToken ?? 0);
        return [
          200,
          {
            JobRuns: newestFirst.slice(at, at + 1),
            ...(at + 1 < newestFirst.length ? { NextToken: String(at + 1) } : {}),
          },
        ];
      }
      case 'BatchStopJobRun': {
        for (const id of (input as { JobRunIds: string[] }).JobRunIds)
          this.runs.get(id)!.JobRunState = 'STOPPING';
        return [200, { SuccessfulSubmissions: [], Errors: [] }];
      }
      default:
        return [400, { __type: 'UnknownOperationException', message: operation }];
    }
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  let body = '';
  for await (const chunk of request) body += String(chunk);
  return body;
}
