import { LocalLivyRunner } from '../../engines/localSpark';
import { NUMBER, structure, TEXT, TEXT_MAP, TEXTS } from '../../services/schema';
import { defineRunner } from '../defineRunner';
import { sdkSchema } from '../sdkSchema';
import { connectLivy } from './runner';

/** Livy's `POST /batches` body. `name` is set by Sluice: it carries the submission's key. */
export interface LivyCreateBatchParameters {
  file: string;
  className?: string;
  args?: string[];
  jars?: string[];
  pyFiles?: string[];
  files?: string[];
  archives?: string[];
  driverMemory?: string;
  driverCores?: number;
  executorMemory?: string;
  executorCores?: number;
  numExecutors?: number;
  queue?: string;
  proxyUser?: string;
  conf?: Record<string, string>;
}

declare module '../../jobs' {
  interface JobParameters {
    'livy:createBatch': LivyCreateBatchParameters;
  }
}

export const livyCreateBatch = defineRunner({
  resource: 'livy:createBatch',
  parameters: sdkSchema(() =>
    structure(
      {
        file: TEXT,
        className: TEXT,
        args: TEXTS,
        jars: TEXTS,
        pyFiles: TEXTS,
        files: TEXTS,
        archives: TEXTS,
        driverMemory: TEXT,
        driverCores: NUMBER,
        executorMemory: TEXT,
        executorCores: NUMBER,
        numExecutors: NUMBER,
        queue: TEXT,
        proxyUser: TEXT,
        conf: TEXT_MAP,
      },
      1,
    ),
  ),
  create(context) {
    const { engines, s3Dir } = context.config;
    const livy = connectLivy(context, 'livy:createBatch');
    return engines === 'local' ? new LocalLivyRunner(livy, s3Dir!) : livy;
  },
});
