import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { RunnerRegistry } from '../../../src/runners';
import { parseInput } from '../../../src/pipelines';
import { agentEvents } from '../../../systems/agent-events/src/pipelines/agentEvents';
import { contactTraceRecords } from '../../../systems/contact-trace-records/src/pipelines/contactTraceRecords';
import { dynamodbExportTableToPointInTime } from '../../../systems/reviews-export/src/runners/dynamodbExport';
import { reviewsExport } from '../../../systems/reviews-export/src/pipelines/reviewsExport';

const registry = new RunnerRegistry([dynamodbExportTableToPointInTime]);
const ON_AWS = [
  ['reviews-export/src/pipelines/reviewsExport.ts', reviewsExport.description],
  ['contact-trace-records/src/pipelines/contactTraceRecords.ts', contactTraceRecords.description],
  ['agent-events/src/pipelines/agentEvents.ts', agentEvents.description],
] as const;
/** Resources that a pipeline uses only with another input, or in the worker itself. */
const NOT_BY_DEFAULT = ['glue:startJobRun', 'worker:task'];

test.each(ON_AWS)(
  '%s names the resources that its workflow uses, and doctor can look at them',
  (file, pipeline) => {
    const source = readFileSync(join(__dirname, '..', '..', '..', 'systems', file), 'utf8');
    const used = registry.resources.filter(
      (resource) =>
        source.includes(`'${resource}'`) ||
        (resource === 'athena:startQueryExecution' && source.includes('askAthena(')),
    );
    expect([...pipeline.resources!].sort()).toEqual(
      used.filter((resource) => !NOT_BY_DEFAULT.includes(resource)).sort(),
    );
    expect(registry.probedResources).toEqual(expect.arrayContaining([...pipeline.resources!]));
  },
);

test.each(ON_AWS)('%s tells its end to the place that its input names', (_, pipeline) => {
  for (const notify of ['arn:aws:sns:eu-west-1:123456789012:ended', 'https://example.com/ended'])
    expect(parseInput(pipeline, { notify })).toMatchObject({ notify });
  expect(() => parseInput(pipeline, { notify: 'ops@example.com' })).toThrow(
    'notify: "ops@example.com"; give the ARN of an SNS topic',
  );
});
