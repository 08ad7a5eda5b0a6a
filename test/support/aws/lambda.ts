import { ServiceFault, type ServiceDouble } from './double';

interface Invocation {
  FunctionName: string;
  InvocationType?: string;
  LogType?: string;
  ClientContext?: string;
  Payload?: string;
}

export interface Answer {
  StatusCode?: number;
  FunctionError?: string;
  LogResult?: string;
  Payload?: string;
}

/** Lambda's functions, of which it has one. */
export class LambdaDouble implements ServiceDouble {
  readonly service = 'lambda';
  readonly invocations: Invocation[] = [];
  dryRuns = 0;
  /** What the function does. */
  run: (invocation: Invocation) => Answer | Promise<Answer> = () => ({ Payload: '{"leads":3}' });

  constructor(private readonly functionName = 'load') {}

  readonly handlers = {
    Invoke: async (invocation: Invocation) => {
      if (!invocation.FunctionName.includes(this.functionName))
        throw new ServiceFault(
          'ResourceNotFoundException',
          `Function not found: ${invocation.FunctionName}`,
          404,
        );
      if (invocation.InvocationType === 'DryRun') {
        this.dryRuns++;
        return { StatusCode: 204 };
      }
      this.invocations.push(invocation);
      if (invocation.InvocationType === 'Event') return { StatusCode: 202 };
      return { StatusCode: 200, ...(await this.run(invocation)) };
    },
  };
}
