/** `sluice/testing`: what the tests of a project are written with. */
export { createTestStack } from './testing/createTestStack';
export type { JobFailureCode, JobScript, JobScripts, ScriptedJob, ScriptedResult } from './testing/jobScript';
export type {
  ArrivingObject,
  RetryOptions,
  SubmittedJob,
  TestRun,
  TestStack,
  TestStackOptions,
} from './testing/testStack';
export { oneOf, seeded, whole, type Random } from './testing/random';
export {
  testRunnerContract,
  type ContractFault,
  type ContractService,
  type RunnerContract,
} from './testing/contract';
