import {
  DeleteParameterCommand,
  LabelParameterVersionCommand,
  PutParameterCommand,
  UnlabelParameterVersionCommand,
} from '@aws-sdk/client-ssm';
import { defineTask, field } from 'sluice';
import { orMissing, type Aws } from '../aws';
import { PREVIOUS } from '../names';
import { readHistory, readText, type ParameterBefore } from '../parameterStore';
import { isOwnedBy } from './storeCertificate';

/**
 * Takes back what `store-certificate` has stored: a parameter that was not there is deleted, any other gets its text of
 * before as a new version. What somebody has changed since is left, and told. Answers `{ left: string[] }`.
 */
export function createRestoreParameters(connect: () => Aws) {
  return defineTask(
    {
      name: 'restore-parameters',
      about: 'Takes back the parameters that a run has stored.',
      input: {
        owner: field.text(),
        before: field.value(Array.isArray as (value: unknown) => value is ParameterBefore[], {
          needs: 'the parameters as they were',
        }),
      },
    },
    async ({ owner, before }, { signal }) => {
      const { ssm } = connect();
      const abort = { abortSignal: signal };
      const left: string[] = [];
      for (const { name, version, previous } of before) {
        const versions = await readHistory(ssm, name, signal);
        const newest = versions.at(-1);
        if (newest === undefined) continue;
        if (!isOwnedBy(owner, newest.Description)) {
          if (newest.Version !== version) left.push(`${name}: somebody has changed it since`);
          continue;
        }
        if (version === null) {
          await orMissing(ssm.send(new DeleteParameterCommand({ Name: name }), abort), 'ParameterNotFound');
          continue;
        }
        const was = versions.find(({ Version }) => Version === version);
        const text = await readText(ssm, `${name}:${version}`, signal);
        if (was === undefined || text === null) {
          left.push(`${name}: the store no longer has its version ${version}`);
          continue;
        }
        // Encrypted by the key of before, which nodes of before may use.
        const { Type, KeyId } = was;
        const Description = `sluice emr-tls: version ${version} again`;
        await ssm.send(
          new PutParameterCommand({ Name: name, Value: text, Type, KeyId, Overwrite: true, Description }),
          abort,
        );
        const label = { Name: name, Labels: [PREVIOUS] };
        if (previous !== null)
          await ssm.send(new LabelParameterVersionCommand({ ...label, ParameterVersion: previous }), abort);
        else
          await orMissing(
            ssm.send(new UnlabelParameterVersionCommand({ ...label, ParameterVersion: version }), abort),
            'ParameterVersionNotFound',
          );
      }
      return { payload: { left } };
    },
  );
}
