import type { JobReference } from '../../src/jobs';
import { succeeded as said } from '../../src/runners/references';

export { RUNNING, ScriptedRunner, type Script } from '../../src/testing/scriptedRunner';

export function succeeded(reference: Pick<JobReference, 'resource' | 'externalId'>) {
  const told = { durationMs: 5, measures: { units: 2 } };
  return said({ key: '', url: null, submittedAt: '', ...reference }, told);
}
