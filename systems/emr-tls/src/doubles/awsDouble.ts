import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { EmrDouble } from './emrDouble';
import { AwsFault } from './fault';
import { IamDouble } from './iamDouble';
import { InstanceDouble } from './instanceDouble';
import { KmsDouble } from './kmsDouble';
import { LambdaDouble } from './lambdaDouble';
import { SsmDouble } from './ssmDouble';

/** One call of a client. */
export interface Call {
  /** `ssm:PutParameter`. */
  operation: string;
  input: Record<string, unknown>;
}

/** What a test has the double do with a call besides. */
export interface CallHooks {
  /** Before the call has any effect: may wait, or throw an `AwsFault`. */
  before?: (call: Call) => void | Promise<void>;
  /** After its effect: what it throws is answered in the place of the answer, which so is lost. */
  after?: (call: Call) => void | Promise<void>;
}

/** What is played, by service. A test holds each against AWS's own models and against moto. */
export const OPERATIONS: Record<string, readonly string[]> = {
  ssm: [
    ...['GetParameter', 'GetParameterHistory', 'PutParameter', 'DeleteParameter'],
    ...['LabelParameterVersion', 'UnlabelParameterVersion'],
  ],
  kms: ['DescribeKey', 'Decrypt'],
  iam: [
    ...['GetInstanceProfile', 'CreateRole', 'GetRole', 'ListRoleTags', 'DeleteRole'],
    ...['PutRolePolicy', 'GetRolePolicy', 'DeleteRolePolicy'],
  ],
  lambda: ['CreateFunction', 'GetFunction', 'GetFunctionConfiguration', 'Invoke', 'DeleteFunction'],
  emr: [
    ...['CreateSecurityConfiguration', 'DescribeSecurityConfiguration', 'DeleteSecurityConfiguration'],
    ...['ListSecurityConfigurations', 'ListClusters', 'DescribeCluster'],
  ],
  ec2: ['DescribeTags'],
};

const JSON_SERVICES: Record<string, 'ssm' | 'kms' | 'emr'> = {
  AmazonSSM: 'ssm',
  TrentService: 'kms',
  ElasticMapReduce: 'emr',
};

/**
 * The part of AWS that emr-tls calls, in memory: parameter store, KMS, IAM, Lambda, security configurations of EMR, tags and
 * metadata of instances. It refuses what AWS refuses: a value above 4 KB, a configuration that is none, a policy that does
 * not allow what a function does, a ciphertext with another context.
 */
export class AwsDouble {
  readonly region: string;
  readonly account = '123456789012';
  readonly kms: KmsDouble;
  readonly ssm: SsmDouble;
  readonly iam: IamDouble;
  readonly lambda: LambdaDouble;
  readonly emr = new EmrDouble();
  readonly instances: InstanceDouble;
  readonly calls: Call[] = [];
  hooks: CallHooks = {};
  private readonly server: Server;

  constructor({ region = 'us-east-1' }: { region?: string } = {}) {
    this.region = region;
    const place = { region, account: this.account };
    this.kms = new KmsDouble(place);
    this.ssm = new SsmDouble(place, this.kms);
    this.iam = new IamDouble(place);
    this.lambda = new LambdaDouble(place, { iam: this.iam, ssm: this.ssm });
    this.instances = new InstanceDouble(place);
    this.server = createServer((request, response) => {
      this.answer(request, response).catch((error: unknown) => {
        response.destroy(error as Error);
      });
    });
  }

  /** Resolves with the endpoint. */
  listen(port = 0): Promise<string> {
    return new Promise((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(port, '127.0.0.1', () =>
        resolve(`http://127.0.0.1:${(this.server.address() as AddressInfo).port}`),
      );
    });
  }

  close(): Promise<void> {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(() => resolve()));
  }

  /** How often an operation was called. */
  count(operation: string): number {
    return this.calls.filter((call) => call.operation === operation).length;
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString();
    const path = request.url ?? '/';
    if (path.startsWith('/nodes')) return this.instances.answerMetadata(request, response, body);
    const target = request.headers['x-amz-target'];
    if (typeof target === 'string') return this.answerJson(target, body, response);
    if (/^\/\d{4}-\d{2}-\d{2}\//.test(path)) return this.answerLambda(request, response, body);
    return this.answerQuery(body, response);
  }

  private async answerJson(target: string, body: string, response: ServerResponse): Promise<void> {
    const [prefix = '', operation = ''] = target.split('.');
    const service = JSON_SERVICES[prefix];
    const send = (status: number, value: unknown, headers: Record<string, string> = {}) => {
      response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1', ...headers });
      response.end(JSON.stringify(value));
    };
    try {
      const input = JSON.parse(body) as Record<string, unknown>;
      const output = await this.call({ operation: `${service}:${operation}`, input }, () => {
        return this[service!].answer(operation, input);
      });
      send(200, output ?? {});
    } catch (error) {
      const { code, message, status } = toFault(error);
      send(status, { __type: code, message, Message: message }, { 'x-amzn-errortype': code });
    }
  }

  private async answerLambda(
    request: IncomingMessage,
    response: ServerResponse,
    body: string,
  ): Promise<void> {
    try {
      const { operation, input } = this.lambda.readCall(request.method ?? '', request.url ?? '', body);
      const {
        status = 200,
        headers = {},
        value,
      } = await this.call({ operation: `lambda:${operation}`, input }, () =>
        this.lambda.answer(operation, input),
      );
      response.writeHead(status, { 'content-type': 'application/json', ...headers });
      response.end(value === undefined ? '' : JSON.stringify(value));
    } catch (error) {
      const { code, message, status } = toFault(error);
      response.writeHead(status, { 'content-type': 'application/json', 'x-amzn-errortype': code });
      response.end(JSON.stringify({ message, Message: message }));
    }
  }

  /** IAM and EC2: a form in, XML out. */
  private async answerQuery(body: string, response: ServerResponse): Promise<void> {
    const input = Object.fromEntries(new URLSearchParams(body));
    const { Action = '', Version } = input;
    const service = Version === '2010-05-08' ? 'iam' : 'ec2';
    try {
      const xml = await this.call({ operation: `${service}:${Action}`, input }, () =>
        service === 'iam' ? this.iam.answer(Action, input) : this.instances.describeTags(input),
      );
      response.writeHead(200, { 'content-type': 'text/xml' });
      response.end(
        service === 'iam'
          ? `<${Action}Response xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><${Action}Result>${xml}</${Action}Result></${Action}Response>`
          : `<${Action}Response xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">${xml}</${Action}Response>`,
      );
    } catch (error) {
      const { code, message, status } = toFault(error);
      response.writeHead(status, { 'content-type': 'text/xml' });
      const text = `<Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error>`;
      response.end(
        service === 'iam'
          ? `<ErrorResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/">${text}<RequestId>r</RequestId></ErrorResponse>`
          : `<Response><Errors>${text}</Errors><RequestID>r</RequestID></Response>`,
      );
    }
  }

  private async call<T>(call: Call, effect: () => T): Promise<T> {
    const [service = '', name = ''] = call.operation.split(':');
    if (!OPERATIONS[service]?.includes(name))
      throw new AwsFault('UnknownOperationException', `no double of ${call.operation}`);
    this.calls.push(call);
    await this.hooks.before?.(call);
    const output = effect();
    await this.hooks.after?.(call);
    return output;
  }
}

function toFault(error: unknown): AwsFault {
  return error instanceof AwsFault
    ? error
    : new AwsFault('InternalFailure', (error as Error).stack ?? String(error), 500);
}
