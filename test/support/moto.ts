import { ensureAwsTestTools, freePort, Processes } from '../../src/local';
import { isListening } from '../../src/local/ports';
import { LOGS } from './logs';

const REGION = 'us-east-1';

export interface Moto {
  endpoint: string;
  region: string;
  credentials: { accessKeyId: string; secretAccessKey: string };
  /** An operation of a service that we need no SDK for: JSON in and out, `AWSEvents.PutRule`. */
  call(service: string, operation: string, input: object): Promise<Record<string, unknown>>;
  /** An operation of a service with the query protocol; answers XML. */
  query(service: string, version: string, parameters: Record<string, string>): Promise<string>;
  /** https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/Welcome.html */
  cloudFormation(Action: string, parameters?: Record<string, string>): Promise<string>;
  /** A file of a service, or with `PUT` a place for one. */
  get(service: string, path: string, method?: 'GET' | 'PUT'): Promise<string>;
}

/** That of this process, with which it ends. */
let server: Promise<string> | null = null;

async function startServer(): Promise<string> {
  const { python } = await ensureAwsTestTools({ env: process.env, report: () => {} });
  const port = await freePort();
  await new Processes().start({
    name: 'moto',
    command: python,
    args: ['-m', 'moto.server', '-H', '127.0.0.1', '-p', String(port)],
    // A proxy of the machine's would be asked for the webhook, too.
    env: { ...process.env, NO_PROXY: '127.0.0.1', no_proxy: '127.0.0.1', AWS_DEFAULT_REGION: REGION },
    logs: LOGS,
    ready: { check: () => isListening(port) },
    readyTimeoutMs: 60_000,
  });
  return `http://127.0.0.1:${port}`;
}

/**
 * moto as a server: AWS's services in memory, with one another's calls among them. The files of one process share it, one
 * after the other; there is nothing in it yet.
 */
export async function startMoto(): Promise<Moto> {
  server ??= startServer();
  const endpoint = await server.catch((error: unknown) => {
    server = null;
    throw error;
  });
  await fetch(`${endpoint}/moto-api/reset`, { method: 'POST' });
  // moto reads region and service from the signature and does not check it.
  const authorization = (service: string) =>
    `AWS4-HMAC-SHA256 Credential=test/20260101/${REGION}/${service}/aws4_request, SignedHeaders=host, Signature=0`;
  const post = async (service: string, headers: Record<string, string>, body: string) => {
    const response = await fetch(`${endpoint}/`, {
      method: 'POST',
      headers: { authorization: authorization(service), ...headers },
      body,
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`moto: ${service}: ${response.status} ${text}`);
    return text;
  };
  const query: Moto['query'] = (service, version, parameters) => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    return post(service, headers, new URLSearchParams({ Version: version, ...parameters }).toString());
  };
  return {
    endpoint,
    region: REGION,
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    async call(service, operation, input) {
      const headers = { 'x-amz-target': operation, 'content-type': 'application/x-amz-json-1.1' };
      const text = await post(service, headers, JSON.stringify(input));
      return text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
    },
    query,
    cloudFormation: (Action, parameters = {}) =>
      query('cloudformation', '2010-05-15', { Action, ...parameters }),
    async get(service, path, method = 'GET') {
      const headers = { authorization: authorization(service) };
      const response = await fetch(endpoint + path, { method, headers });
      const text = await response.text();
      if (!response.ok) throw new Error(`moto: ${service}: ${response.status} ${text}`);
      return text;
    },
  };
}
