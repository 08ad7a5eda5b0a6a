/** The runners that ship, one line each; a runner's folder has all else that is to be known of its resource. */
export { duckdbQuery } from '../duckdb';
export { athenaStartQueryExecution } from './athena';
export {
  emrAddStep,
  emrCancelStep,
  emrCreateCluster,
  emrModifyInstanceFleetByName,
  emrModifyInstanceGroupByName,
  emrTerminateCluster,
} from './emr';
export { emrServerlessStartJobRun } from './emrServerless';
export { glueStartCrawler } from './glueCrawler';
export { glueStartJobRun } from './glueJobs';
export { lambdaInvoke } from './lambda';
export { livyCreateBatch } from './livy';
export { redshiftdataBatchExecuteStatement, redshiftdataExecuteStatement } from './redshiftData';
export { workerTask } from './workerTask';
