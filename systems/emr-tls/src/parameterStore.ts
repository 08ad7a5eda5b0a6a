import {
  GetParameterCommand,
  GetParameterHistoryCommand,
  type ParameterHistory,
  type SSMClient,
} from '@aws-sdk/client-ssm';
import { orMissing } from './aws';
import { PREVIOUS } from './names';

/** What a parameter was before a run touched it. */
export interface ParameterBefore {
  name: string;
  /** Null: it was not there. */
  version: number | null;
  /** The version with the label `previous`, if one had it. */
  previous: number | null;
}

/** The versions that the store still has, the newest last; empty when there is no such parameter. No value is decrypted. */
export async function readHistory(
  ssm: SSMClient,
  name: string,
  signal: AbortSignal,
): Promise<ParameterHistory[]> {
  const versions: ParameterHistory[] = [];
  let NextToken: string | undefined;
  do {
    const command = new GetParameterHistoryCommand({ Name: name, WithDecryption: false, NextToken });
    const page = await orMissing(ssm.send(command, { abortSignal: signal }), 'ParameterNotFound');
    versions.push(...(page?.Parameters ?? []));
    NextToken = page?.NextToken;
  } while (NextToken !== undefined);
  return versions.sort((one, other) => one.Version! - other.Version!);
}

export async function readBefore(
  ssm: SSMClient,
  name: string,
  signal: AbortSignal,
): Promise<ParameterBefore> {
  const versions = await readHistory(ssm, name, signal);
  const previous = versions.find(({ Labels }) => Labels?.includes(PREVIOUS));
  return { name, version: versions.at(-1)?.Version ?? null, previous: previous?.Version ?? null };
}

/** The text of a parameter, decrypted, or null when there is none. `name` may have `:VERSION` or `:LABEL` behind it. */
export async function readText(ssm: SSMClient, name: string, signal: AbortSignal): Promise<string | null> {
  const command = new GetParameterCommand({ Name: name, WithDecryption: true });
  const answer = await orMissing(
    ssm.send(command, { abortSignal: signal }),
    'ParameterNotFound',
    'ParameterVersionNotFound',
  );
  return answer?.Parameter?.Value ?? null;
}
