import { HeadObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { Argument, type Command } from 'commander';
import { connectS3 } from '../setup/connectS3';
import { arrivalOfHead } from '../lake/manifest';
import { SluiceError } from '../errors';
import type { Arrival } from '../pipelines';
import { parseS3Uri } from '../pipelines/location';
import { matchesPattern } from '../pipelines/patterns';
import { arrivedSignal } from '../contracts/messages';
import { addJson, parseId, type JsonOption } from './options';
import { note, print, printJson } from './output';
import { isEnded, listSteps, readStatus } from './readStatus';
import { withSession, type Session } from './session';

export function addSignal(program: Command): void {
  const command = program
    .command('signal')
    .description('hand a waiting run an object by hand, whatever its time')
    .argument('<run>', 'the id of the run; see "sluice list"', parseId)
    .addArgument(new Argument('<kind>', 'what is handed over').choices(['arrival']))
    .argument('<uri>', 'the object, for example s3://lake/sales/sales.csv')
    .addHelpText('after', '\nExample:\n  $ sluice signal weekly-report arrival s3://lake/sales/sales.csv');
  addJson(command).action(async (id: string, _kind: string, uri: string, { json }: JsonOption) => {
    const object = parseS3Uri(uri);
    if (object === null || object.key === '') {
      throw new SluiceError(
        'InvalidInput',
        `${uri} is no S3 object; give one such as s3://lake/sales/sales.csv`,
      );
    }
    const { runs, arrival } = await withSession(async (session) => {
      const s3 = connectS3();
      try {
        const { runs, hint } = await findTargets(session, id, object);
        const arrival = await readArrival(s3, object);
        for (const run of runs) await session.client.workflow.getHandle(run).signal(arrivedSignal, [arrival]);
        if (hint !== null) note(hint);
        return { runs, arrival };
      } finally {
        s3.destroy();
      }
    });
    if (json) printJson({ id, runs, arrival });
    else print(`Handed ${uri} to ${runs.join(', ')}`);
  });
}

/** The run and its open child runs: those wait in its place. The hint says that none of them waits for the object. */
async function findTargets(
  session: Session,
  id: string,
  object: { bucket: string; key: string },
): Promise<{ runs: string[]; hint: string | null }> {
  const view = await readStatus(session, id, note);
  if (isEnded(view)) {
    throw new SluiceError(
      'InvalidInput',
      `The run ${id} has ended (${view.state}) and waits for nothing. Start another with: sluice start ${view.pipeline}`,
    );
  }
  const isAwaited = view.waitingFor.some((pattern) => matchesPattern(pattern, object));
  const waits =
    view.waitingFor.length > 0 ? `it waits for ${view.waitingFor.join(', ')}` : 'no step waits now';
  const hint = `No step of ${id} waits for this object: ${waits}. It is kept for a step that comes later.`;
  const children = listSteps(view.steps).flatMap((step) =>
    step.run && step.state === 'running' ? [step.run.id] : [],
  );
  return { runs: [view.id, ...children], hint: isAwaited ? null : hint };
}

async function readArrival(s3: S3Client, { bucket, key }: { bucket: string; key: string }): Promise<Arrival> {
  try {
    const head = await s3.send(new HeadObjectCommand({ Bucket: bucket, Key: key }));
    return { ...arrivalOfHead(bucket, key, head), byHand: true };
  } catch (error) {
    const uri = `s3://${bucket}/${key}`;
    const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
    if (status === 404) {
      throw new SluiceError(
        'InvalidInput',
        `${uri} does not exist. Upload it first, or correct bucket and key.`,
        { cause: error },
      );
    }
    if (status === 403) {
      throw new SluiceError(
        'AccessDenied',
        `No access to ${uri}; the credentials need s3:GetObject and s3:ListBucket.`,
        { cause: error },
      );
    }
    throw error;
  }
}
