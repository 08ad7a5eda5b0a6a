import type { JobParameters } from '../../jobs';
import { joinFolder, parentFolder } from '../../pipelines/location';
import type { Run } from './run';

/** A question for Athena, and the object that gets the answer: CSV with header. */
export interface Question {
  sql: string;
  database: string;
  workGroup: string;
  to: string;
}

/** Athena's parameters of a statement, its results in the folder `athena/` beside those that people read. */
export function athenaQuery(
  question: Omit<Question, 'to'>,
  results: string,
): JobParameters['athena:startQueryExecution'] {
  return {
    QueryString: question.sql,
    QueryExecutionContext: { Database: question.database },
    WorkGroup: question.workGroup,
    ResultConfiguration: { OutputLocation: joinFolder(results, 'athena') },
  };
}

/** Runs the query, and copies its result to the name that people look for. Returns that name. */
export async function askAthena(run: Run, name: string, question: Question): Promise<string> {
  const { to } = question;
  const { output } = await run.job(name, {
    resource: 'athena:startQueryExecution',
    parameters: athenaQuery(question, parentFolder(to)),
  });
  await run.job(`copy ${name}`, {
    resource: 'worker:task',
    parameters: { task: 'copy-object', input: { from: output, to } },
  });
  return to;
}
