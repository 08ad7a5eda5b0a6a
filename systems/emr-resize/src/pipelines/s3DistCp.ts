import { definePipeline, field, task } from 'sluice/workflow';
import { COPY_FIELDS, findCopyProblems, toStepArguments, type CopyRequest } from '../s3DistCp/planCopies';
import type { compactParquet } from '../tasks/compactParquet';
import type { s3DistCp as s3DistCpTask } from '../tasks/s3DistCp';

/** Joins small files, or copies a folder: as a step of a cluster where one is given, else in the worker. */
export const s3DistCp = definePipeline(
  {
    name: 's3-dist-cp',
    about:
      'Copies the objects of a folder, or joins them by groups: S3DistCp on a cluster, or in the worker.',
    input: {
      clusterId: field.text({
        about: 'the EMR cluster that does it; the worker does unless given',
        optional: true,
      }),
      ...COPY_FIELDS,
      within: field.duration({ about: 'how long it may take', default: '1 day' }),
    },
    findProblems: findCopyProblems,
    resources: ['elasticmapreduce:addStep'],
  },
  async (run, { clusterId, within, ...input }) => {
    const { src, dest, srcPattern, groupBy, targetSize, outputCodec, deleteOnSuccess } = input;
    const request = {
      ...{ src, dest, outputCodec, deleteOnSuccess },
      ...(srcPattern === undefined ? {} : { srcPattern }),
      ...(groupBy === undefined ? {} : { groupBy }),
      ...(targetSize === undefined ? {} : { targetSize }),
    } satisfies CopyRequest;
    const timeout = { timeout: within };
    if (clusterId === undefined)
      await run.job('copy', task<typeof s3DistCpTask>('s3-dist-cp', request), timeout);
    else
      await run.job(
        'copy',
        {
          resource: 'elasticmapreduce:addStep',
          parameters: {
            ClusterId: clusterId,
            Step: {
              ...{ Name: 's3-dist-cp', ActionOnFailure: 'CONTINUE' },
              HadoopJarStep: { Jar: 'command-runner.jar', Args: toStepArguments(request) },
            },
          },
        },
        timeout,
      );
    return { dest };
  },
);

/** What to use for Parquet, whose bytes cannot be joined. */
export const compact = definePipeline(
  {
    name: 'compact',
    about: 'Joins the Parquet files of a folder into one.',
    input: {
      src: field.folder({ about: 'where the files are' }),
      dest: field.folder({ about: 'the folder of the one' }),
    },
  },
  async (run, { src, dest }) => {
    await run.job('compact', task<typeof compactParquet>('compact-parquet', { src, dest }));
    return { parquet: dest };
  },
);
