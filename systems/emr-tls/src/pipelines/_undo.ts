import { CancellationScope, isCancellation } from '@temporalio/workflow';
import { SluiceError, type Job, type Run } from 'sluice/workflow';

/** Registers what takes a step back, before the step does anything. */
export type RegisterUndo = (step: string, job: Job) => void;

/**
 * Runs `body`; when it fails or is cancelled, all that was registered is done in the reverse order, each whatever became of
 * the others. The failure goes on, with what is left and why.
 */
export async function withUndo<T>(run: Run, body: (undo: RegisterUndo) => Promise<T>): Promise<T> {
  const registered: { step: string; job: Job }[] = [];
  try {
    return await body((step, job) => registered.push({ step, job }));
  } catch (error) {
    const left = await CancellationScope.nonCancellable(async () => {
      const told: string[] = [];
      for (const { step, job } of registered.reverse()) {
        try {
          const { payload } = await run.job(`undo: ${step}`, job, { timeout: '1 hour' });
          told.push(...((payload as { left?: string[] } | null)?.left ?? []));
        } catch (second) {
          told.push(`${step}: ${(second as Error).message}`);
        }
      }
      return told;
    });
    if (left.length === 0 || isCancellation(error)) throw error;
    const { type } = error as { type?: ConstructorParameters<typeof SluiceError>[0] };
    const message = [`${(error as Error).message}`, 'This is left:', ...left].join('\n  ');
    throw new SluiceError(type ?? 'JobFailed', message, { cause: error });
  }
}
