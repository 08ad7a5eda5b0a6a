/** `sluice/testing`: what the tests of a project are written with. */
export type { JobFailureCode, JobScript, JobScripts, ScriptedJob, ScriptedResult } from './testing/jobScript';
export type { SubmittedJob, TestRun, TestStack, TestStackOptions } from './testing/testStack';
