import { SluiceError, type Job, type Run } from 'sluice/workflow';

/**
 * Says which job takes a step back, before the step does anything. What the job has to leave, its payload's `left`, is told
 * beside the run's failure.
 */
export function undoBy(run: Run, step: string, job: Job): void {
  run.undo(step, async (undoing) => {
    const { payload } = await undoing.job(`take back: ${step}`, job, { timeout: '1 hour' });
    const { left = [] } = (payload ?? {}) as { left?: string[] };
    if (left.length > 0) throw new SluiceError('JobFailed', `this is left: ${left.join('; ')}`);
  });
}
