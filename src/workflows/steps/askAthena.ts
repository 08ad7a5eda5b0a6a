import type { JobParameters } from '../../jobs';
import { joinFolder, parentFolder } from '../../pipelines/location';
import { task } from '../task';
import type { Run } from './run';

/** A question for Athena, and the object that gets the answer: CSV with header. */
export interface Question {
  sql: string;
  database: string;
  /** Athena's default without it. */
  workGroup?: string;
  to: string;
  /** The step that asks; default the name. */
  step?: string;
}

/** Athena's parameters of a statement, its results in the folder `athena/` beside those that people read. */
export function athenaQuery(
  question: Omit<Question, 'to' | 'step'>,
  results: string,
): JobParameters['athena:startQueryExecution'] {
  return {
    QueryString: question.sql,
    QueryExecutionContext: { Database: question.database },
    ...(question.workGroup === undefined ? {} : { WorkGroup: question.workGroup }),
    ResultConfiguration: { OutputLocation: joinFolder(results, 'athena') },
  };
}

/** Runs the query, and copies its result to the name that people look for. Returns that name. */
export async function askAthena(run: Run, name: string, question: Question): Promise<string> {
  const { to, step = name } = question;
  const { output } = await run.job(step, {
    resource: 'athena:startQueryExecution',
    parameters: athenaQuery(question, parentFolder(to)),
  });
  await run.job(`copy ${name}`, task('copy-object', { from: output, to }));
  return to;
}
