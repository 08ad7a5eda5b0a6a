import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { findProblems, readModel, type Operation, type ServiceModel } from './model';

type Json = Record<string, unknown>;
/** What an operation does. It may answer Dates; they are sent as seconds since 1970, as the protocols have it. */
export type Handler = (input: never) => object | Promise<object>;

/** One service of the double: a state machine over its own jobs. */
export interface ServiceDouble {
  /** The folder of the service in botocore's data, e.g. `athena`. */
  readonly service: string;
  /** Operation -> what it does. */
  readonly handlers: Record<string, Handler>;
}

/** The answer of a service that refuses. */
export class ServiceFault extends Error {
  constructor(
    readonly type: string,
    message: string,
    readonly status = 400,
    readonly content: Json = {},
  ) {
    super(message);
  }
}

/** What the next call of an operation does instead of its work, or after it. */
export interface Fault {
  operation: string;
  /** 0: the connection breaks without an answer. */
  status: number;
  type: string;
  message: string;
  /** The work is done, and the answer lost. */
  accepted?: boolean;
  /** How many calls it hits; default 1. */
  times?: number;
  /** Members of the error besides its message. */
  content?: Record<string, unknown>;
}

/**
 * A strict double of AWS services, spoken to over the wire by the real SDK clients. Requests and its own answers must fit
 * the services' models; it counts calls, does each fault as often as asked, and throttles when told to.
 */
export class AwsDouble {
  readonly calls: Record<string, number> = {};
  readonly faults: Fault[] = [];
  /** Requests and answers that do not fit the models; a test ends with none. */
  readonly violations: string[] = [];
  /** Calls a second, over all operations, before it answers ThrottlingException. */
  maxCallsPerSecond = Number.POSITIVE_INFINITY;
  throttled = 0;

  private readonly services: { model: ServiceModel; double: ServiceDouble }[];
  private readonly server: Server;
  private recentCalls: number[] = [];

  /** @param dataFolder botocore's models, see `ensureAwsTestTools` */
  constructor(dataFolder: string, doubles: readonly ServiceDouble[]) {
    this.services = doubles.map((double) => ({ model: readModel(dataFolder, double.service), double }));
    this.server = createServer((request, response) => void this.answer(request, response));
  }

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  stop(): Promise<void> {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(() => resolve()));
  }

  /** Forgets counts, faults and violations between two tests. */
  reset(): void {
    for (const name of Object.keys(this.calls)) delete this.calls[name];
    this.faults.length = 0;
    this.violations.length = 0;
    this.maxCallsPerSecond = Number.POSITIVE_INFINITY;
    this.throttled = 0;
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readBody(request);
    const found = this.findOperation(request);
    if (!found) {
      this.violations.push(
        `no such operation: ${request.method} ${request.url} ${String(request.headers['x-amz-target'] ?? '')}`,
      );
      return refuse(response, new ServiceFault('UnknownOperationException', 'unknown operation'));
    }
    const { model, double, operation, labels } = found;
    this.calls[operation.name] = (this.calls[operation.name] ?? 0) + 1;
    const input = parseInput(model, operation, request, labels, body);
    const problems = operation.input ? findProblems(model, operation.input.shape, input, operation.name) : [];
    if (problems.length > 0) {
      this.violations.push(...problems);
      return refuse(response, new ServiceFault('ValidationException', problems.join('; ')));
    }
    if (this.isThrottled()) {
      this.throttled++;
      return refuse(response, new ServiceFault('ThrottlingException', 'Rate exceeded'));
    }
    const fault = this.takeFault(operation.name);
    if (fault && !fault.accepted) return refuse(response, asServiceFault(fault));
    try {
      const handler = double.handlers[operation.name];
      if (!handler)
        throw new ServiceFault('UnknownOperationException', `the double has no ${operation.name}`);
      const output = (await handler(input as never)) as Json;
      if (fault) return refuse(response, asServiceFault(fault));
      if (operation.output)
        this.violations.push(
          ...findProblems(model, operation.output.shape, output, `${operation.name} answer`),
        );
      send(response, model, operation, output);
    } catch (error) {
      if (!(error instanceof ServiceFault)) this.violations.push(`${operation.name}: ${String(error)}`);
      refuse(
        response,
        error instanceof ServiceFault ? error : new ServiceFault('InternalFailure', String(error), 500),
      );
    }
  }

  private findOperation(request: IncomingMessage) {
    const target = request.headers['x-amz-target'];
    for (const { model, double } of this.services) {
      if (typeof target === 'string') {
        const [prefix, name] = target.split('.') as [string, string];
        if (model.metadata.targetPrefix === prefix && model.operations[name])
          return { model, double, operation: model.operations[name], labels: {} };
      } else if (model.metadata.protocol.startsWith('rest')) {
        const path = request.url!.split('?')[0]!;
        for (const operation of Object.values(model.operations)) {
          const labels =
            operation.http.method === request.method ? matchUri(operation.http.requestUri, path) : null;
          if (labels) return { model, double, operation, labels };
        }
      }
    }
    return null;
  }

  private isThrottled(): boolean {
    const now = Date.now();
    this.recentCalls = this.recentCalls.filter((time) => time > now - 1000);
    if (this.recentCalls.length >= this.maxCallsPerSecond) return true;
    this.recentCalls.push(now);
    return false;
  }

  private takeFault(operation: string): Fault | undefined {
    const index = this.faults.findIndex((fault) => fault.operation === operation);
    const fault = this.faults[index];
    if (fault) {
      fault.times = (fault.times ?? 1) - 1;
      if (fault.times === 0) this.faults.splice(index, 1);
    }
    return fault;
  }
}

function asServiceFault({ type, message, status, content }: Fault): ServiceFault {
  return new ServiceFault(type, message, status, content);
}

function refuse(response: ServerResponse, { type, message, status, content }: ServiceFault): void {
  if (status === 0) {
    response.socket?.destroy();
    return;
  }
  response.writeHead(status, { 'content-type': 'application/json', 'x-amzn-errortype': type });
  response.end(JSON.stringify({ __type: type, message, ...content }));
}

function send(response: ServerResponse, model: ServiceModel, operation: Operation, output: Json): void {
  const shape = operation.output && model.shapes[operation.output.shape];
  const status = operation.http.responseCode ?? 200;
  const headers: Record<string, string> = { 'content-type': 'application/x-amz-json-1.1' };
  const content: Json = {};
  let statusCode = status;
  for (const [name, value] of Object.entries(output)) {
    const member = shape?.members?.[name];
    if (member?.location === 'header') headers[member.locationName!] = String(value);
    else if (member?.location === 'statusCode') statusCode = Number(value);
    else content[member?.locationName ?? name] = value;
  }
  response.writeHead(statusCode, headers);
  const payload = shape?.payload;
  response.end(payload ? (output[payload] as string | undefined) : JSON.stringify(content, encodeDates));
}

/** JSON.stringify has turned a Date into a text already when it hands it over, so the holder is asked. */
function encodeDates(this: unknown, key: string, value: unknown): unknown {
  const held = (this as Json)[key];
  return held instanceof Date ? held.getTime() / 1000 : value;
}

function parseInput(
  model: ServiceModel,
  operation: Operation,
  request: IncomingMessage,
  labels: Record<string, string>,
  body: string,
): Json {
  const shape = operation.input && model.shapes[operation.input.shape];
  if (!model.metadata.protocol.startsWith('rest')) return (body ? JSON.parse(body) : {}) as Json;
  const query = new URL(request.url!, 'http://double').searchParams;
  const payload = shape?.payload;
  const content = (payload ? {} : body ? JSON.parse(body) : {}) as Json;
  const input: Json = {};
  for (const [name, member] of Object.entries(shape?.members ?? {})) {
    const wire = member.locationName ?? name;
    const type = model.shapes[member.shape]!.type;
    let value: unknown =
      member.location === 'uri'
        ? labels[wire]
        : member.location === 'querystring'
          ? ((type === 'list' ? query.getAll(wire) : query.get(wire)) ?? undefined)
          : member.location === 'header'
            ? request.headers[wire.toLowerCase()]
            : name === payload
              ? body
              : content[wire];
    if (typeof value === 'string' && (type === 'integer' || type === 'long')) value = Number(value);
    if (typeof value === 'string' && type === 'boolean') value = value === 'true';
    if (Array.isArray(value) && value.length === 0 && member.location === 'querystring') value = undefined;
    if (value !== undefined) input[name] = value;
    delete content[wire];
  }
  // What the model does not know stays, so that it is told.
  return { ...input, ...content };
}

function matchUri(template: string, path: string): Record<string, string> | null {
  const names: string[] = [];
  const expression = template
    .split('?')[0]!
    .replace(/[.*+^$()|[\]\\]/g, '\\$&')
    .replace(/\{(\w+)(\+?)\}/g, (_, name: string, greedy: string) => {
      names.push(name);
      return greedy ? '(.+)' : '([^/]+)';
    });
  const match = new RegExp(`^${expression}$`).exec(path);
  return match && Object.fromEntries(names.map((name, i) => [name, decodeURIComponent(match[i + 1]!)]));
}

async function readBody(request: IncomingMessage): Promise<string> {
  let body = '';
  for await (const chunk of request) body += String(chunk);
  return body;
}
