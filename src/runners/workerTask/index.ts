import { availableParallelism } from 'node:os';
import { Limiter } from '../../services/limiter';
import { ANYTHING, structure, TEXT } from '../../services/schema';
import { defineRunner } from '../defineRunner';
import { LimitedRunner } from '../limited';
import { sdkSchema } from '../sdkSchema';
import { WorkerTaskRunner } from './runner';

/** Tasks wait for S3 and other services more than they compute. */
const TASKS_PER_CORE = 4;

export const workerTask = defineRunner({
  resource: 'worker:task',
  parameters: sdkSchema(() => structure({ task: TEXT, input: ANYTHING }, 2)),
  runsInWorker: true,
  create: (context) =>
    new LimitedRunner(new WorkerTaskRunner(context), new Limiter(availableParallelism() * TASKS_PER_CORE)),
});
