export {
  Run,
  runPipeline,
  type Completeness,
  type ParallelOptions,
  type RunOptions,
  type WaitOptions,
} from './run';
