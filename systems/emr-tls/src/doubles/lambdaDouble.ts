import { createHash } from 'node:crypto';
import { strFromU8, unzipSync } from 'fflate';
import { AwsFault, type Place } from './fault';
import type { IamDouble } from './iamDouble';
import type { SsmDouble } from './ssmDouble';

interface Function {
  settings: Record<string, unknown>;
  tags: Record<string, string>;
  source: string;
}

/** Functions whose code is the broker's: an invocation reads a parameter as the function's role may. */
export class LambdaDouble {
  readonly functions = new Map<string, Function>();
  /** How many CreateFunction calls find that IAM has not yet told of the role. */
  roleUnknownFor = 0;

  constructor(
    private readonly place: Place,
    private readonly others: { iam: IamDouble; ssm: SsmDouble },
  ) {}

  arnOf(name: string): string {
    return `arn:aws:lambda:${this.place.region}:${this.place.account}:function:${name}`;
  }

  readCall(method: string, url: string, body: string): { operation: string; input: Record<string, unknown> } {
    const [, name = '', rest = ''] = /^\/2015-03-31\/functions\/?([^/?]*)\/?([^?]*)/.exec(url) ?? [];
    const given = body === '' ? {} : (JSON.parse(body) as Record<string, unknown>);
    const FunctionName = decodeURIComponent(name);
    if (method === 'POST' && name === '') return { operation: 'CreateFunction', input: given };
    if (method === 'POST') return { operation: 'Invoke', input: { FunctionName, event: given } };
    if (method === 'DELETE') return { operation: 'DeleteFunction', input: { FunctionName } };
    return { operation: rest === '' ? 'GetFunction' : 'GetFunctionConfiguration', input: { FunctionName } };
  }

  answer(
    operation: string,
    input: Record<string, unknown>,
  ): { status?: number; headers?: Record<string, string>; value?: unknown } {
    const name = (input['FunctionName'] as string).replace(/^arn:.*:function:/, '');
    if (operation === 'CreateFunction') return { status: 201, value: this.create(name, input) };
    const found = this.functions.get(name);
    if (found === undefined)
      throw new AwsFault('ResourceNotFoundException', `Function not found: ${this.arnOf(name)}`, 404);
    switch (operation) {
      case 'GetFunction':
        return { value: { Configuration: found.settings, Tags: found.tags, Code: {} } };
      case 'GetFunctionConfiguration':
        return { value: found.settings };
      case 'DeleteFunction':
        this.functions.delete(name);
        return { status: 204 };
      // Invoke
      default:
        return this.invoke(found, input['event'] as { ParameterName?: string });
    }
  }

  private create(name: string, input: Record<string, unknown>): unknown {
    if (this.functions.has(name))
      throw new AwsFault('ResourceConflictException', `Function already exist: ${name}`, 409);
    const role = input['Role'] as string;
    const known = this.others.iam.roles.has(role.replace(/^.*\//, ''));
    if (!known || this.roleUnknownFor-- > 0)
      throw new AwsFault(
        'InvalidParameterValueException',
        'The role defined for the function cannot be assumed by Lambda.',
      );
    this.roleUnknownFor = 0;
    const zip = Buffer.from((input['Code'] as { ZipFile: string }).ZipFile, 'base64');
    const [file = ''] = (input['Handler'] as string).split('.');
    const entry = unzipSync(zip)[`${file}.py`];
    if (entry === undefined)
      throw new AwsFault('InvalidParameterValueException', `there is no ${file}.py in the code`);
    const { Role, Runtime, Handler, Timeout, Description, Tags } = input;
    const described = {
      ...{ Role, Runtime, Handler, Timeout, Description },
      ...{
        FunctionName: name,
        FunctionArn: this.arnOf(name),
        State: 'Active',
        LastUpdateStatus: 'Successful',
      },
      CodeSha256: createHash('sha256').update(zip).digest('base64'),
    };
    this.functions.set(name, {
      settings: described,
      tags: (Tags ?? {}) as Record<string, string>,
      source: strFromU8(entry),
    });
    return described;
  }

  /** What the broker's Python does. */
  private invoke({ settings }: Function, { ParameterName }: { ParameterName?: string }) {
    const failed = (errorType: string, errorMessage: string) => ({
      headers: { 'x-amz-function-error': 'Unhandled' },
      value: { errorType, errorMessage },
    });
    if (ParameterName === undefined) return failed('KeyError', "'ParameterName'");
    const { iam, ssm } = this.others;
    const role = (settings['Role'] as string).replace(/^.*\//, '');
    const arn = ssm.arnOf(ParameterName.split(':')[0]!);
    if (!iam.allows(role, 'ssm:GetParameter', arn))
      return failed(
        'ClientError',
        `AccessDeniedException: ${role} is not authorized to perform ssm:GetParameter on ${arn}`,
      );
    try {
      return { value: ssm.find(ParameterName).version.value };
    } catch (error) {
      if (!(error instanceof AwsFault)) throw error;
      return failed(error.code, `An error occurred (${error.code}) when calling the GetParameter operation`);
    }
  }
}
