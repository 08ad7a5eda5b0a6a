/** `sluice/testing`: what the tests of a project are written with. */
export { createTestStack } from './testing/createTestStack';
export type { JobFailureCode, JobScript, JobScripts, ScriptedJob, ScriptedResult } from './testing/jobScript';
export type { ArrivingObject, SubmittedJob, TestRun, TestStack, TestStackOptions } from './testing/testStack';
