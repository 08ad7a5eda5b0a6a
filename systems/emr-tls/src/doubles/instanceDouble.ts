import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Place } from './fault';

/** Instances with tags, each with a metadata service of its own below `/nodes/ID` (version 2: a token first). */
export class InstanceDouble {
  readonly tags = new Map<string, Record<string, string>>();

  constructor(private readonly place: Place) {}

  /** Adds an instance and answers its id. */
  add(tags: Record<string, string>): string {
    const id = `i-${(this.tags.size + 1).toString(16).padStart(17, '0')}`;
    this.tags.set(id, tags);
    return id;
  }

  /** `POST /nodes` with tags adds an instance; below `/nodes/ID` its metadata are. */
  answerMetadata(request: IncomingMessage, response: ServerResponse, body: string): void {
    const [, , id = '', ...rest] = (request.url ?? '').split('/');
    const send = (status: number, text: string) => response.writeHead(status).end(text);
    if (id === '') return void send(200, this.add(JSON.parse(body) as Record<string, string>));
    if (!this.tags.has(id)) return void send(404, '');
    const path = rest.join('/');
    if (request.method === 'PUT' && path === 'latest/api/token') return void send(200, `token of ${id}`);
    if (request.headers['x-aws-ec2-metadata-token'] !== `token of ${id}`) return void send(401, '');
    if (path === 'latest/meta-data/instance-id') return void send(200, id);
    if (path.startsWith('latest/dynamic/instance-identity/document')) {
      return void send(200, JSON.stringify(this.describe(id)));
    }
    send(404, '');
  }

  /** As https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-identity-documents.html shows one. */
  private describe(instanceId: string): object {
    const { region, account: accountId } = this.place;
    return {
      ...{ accountId, region, instanceId, availabilityZone: `${region}a`, privateIp: '10.0.0.1' },
      ...{
        architecture: 'x86_64',
        imageId: 'ami-5fb8c835',
        instanceType: 'm5.xlarge',
        version: '2017-09-30',
      },
      ...{ pendingTime: '2026-01-01T00:00:00Z', kernelId: null, ramdiskId: null, billingProducts: null },
      ...{ devpayProductCodes: null, marketplaceProductCodes: null },
    };
  }

  describeTags(input: Record<string, string>): string {
    const id = input['Filter.1.Value.1'] ?? '';
    const items = Object.entries(this.tags.get(id) ?? {}).map(
      ([key, value]) =>
        `<item><resourceId>${id}</resourceId><resourceType>instance</resourceType><key>${key}</key><value>${value}</value></item>`,
    );
    return `<requestId>r</requestId><tagSet>${items.join('')}</tagSet>`;
  }
}
