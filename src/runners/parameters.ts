import { createRequire } from 'node:module';
import type { Resource } from '../jobs';
import { ANYTHING, changeMembers, findSchemaProblems, structure, type Schema } from '../services/schema';

type Client = Record<string, Schema>;

/** Loads one client of the SDK only when a job of its service is checked: each takes a tenth of a second or more. */
const load = createRequire(__filename) as (name: string) => Client;
const TEXT = 0;
const NUMBER = 1;
const TEXTS = 64;
const TEXT_MAP = 128;

/** The parameters of each resource, see `JobParameters`. */
const SCHEMAS: Record<Resource, () => Schema> = {
  'duckdb:query': () =>
    structure(
      {
        script: TEXT,
        sql: TEXT,
        inputs: ANYTHING,
        arguments: TEXT_MAP,
        output: structure({ location: TEXT, format: TEXT }, 2),
        maxRows: NUMBER,
      },
      0,
    ),
  'livy:createBatch': () =>
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
  'worker:task': () => structure({ task: TEXT, input: ANYTHING }, 2),
  'glue:startJobRun': () => load('@aws-sdk/client-glue')['StartJobRunRequest$'],
  'glue:startCrawler': () => load('@aws-sdk/client-glue')['StartCrawlerRequest$'],
  'athena:startQueryExecution': () => load('@aws-sdk/client-athena')['StartQueryExecutionInput$'],
  'elasticmapreduce:createCluster': () => load('@aws-sdk/client-emr')['RunJobFlowInput$'],
  'elasticmapreduce:addStep': () =>
    structure(
      { ClusterId: TEXT, Step: load('@aws-sdk/client-emr')['StepConfig$'], ExecutionRoleArn: TEXT },
      2,
    ),
  'elasticmapreduce:cancelStep': () =>
    structure({ ClusterId: TEXT, StepId: TEXT, StepCancellationOption: TEXT }, 2),
  'elasticmapreduce:terminateCluster': () => structure({ ClusterId: TEXT }, 1),
  'elasticmapreduce:modifyInstanceGroupByName': () =>
    structure(
      {
        ClusterId: TEXT,
        InstanceGroupName: TEXT,
        InstanceGroup: changeMembers(load('@aws-sdk/client-emr')['InstanceGroupModifyConfig$'], [
          'InstanceGroupId',
        ]),
      },
      3,
    ),
  'elasticmapreduce:modifyInstanceFleetByName': () =>
    structure(
      {
        ClusterId: TEXT,
        InstanceFleetName: TEXT,
        InstanceFleet: changeMembers(load('@aws-sdk/client-emr')['InstanceFleetModifyConfig$'], [
          'InstanceFleetId',
        ]),
      },
      3,
    ),
  'emr-serverless:startJobRun': () => load('@aws-sdk/client-emr-serverless')['StartJobRunRequest$'],
  'redshiftdata:executeStatement': () => load('@aws-sdk/client-redshift-data')['ExecuteStatementInput$'],
  'redshiftdata:batchExecuteStatement': () =>
    load('@aws-sdk/client-redshift-data')['BatchExecuteStatementInput$'],
  'dynamodb:exportTableToPointInTime': () =>
    load('@aws-sdk/client-dynamodb')['ExportTableToPointInTimeInput$'],
  'lambda:invoke': () =>
    changeMembers(load('@aws-sdk/client-lambda')['InvocationRequest$'], [], { Payload: ANYTHING }),
};

/**
 * Checks a job's parameters by the schemas that the SDK itself sends them by: unknown and missing members and wrong
 * types, nested ones too. What a text may hold, as the names of an enumeration, is the service's to say.
 * @returns one line a problem, each with its path and the cure; empty when the parameters fit
 */
export function findParameterProblems(resource: Resource, parameters: unknown): string[] {
  return findSchemaProblems(SCHEMAS[resource](), parameters, 'parameters').map((problem) =>
    problem.endsWith(': missing') ? `${problem}; ${resource} needs it` : problem,
  );
}
