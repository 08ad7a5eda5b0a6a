export { RUNNING, ScriptedRunner, succeeded, type Script } from '../../src/testing/scriptedRunner';
