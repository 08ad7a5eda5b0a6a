import { QueryProcesses } from '../../src/duckdb/queryProcesses';

/** Processes for the SQL of tests. They end with the test's own. */
export function testQueryProcesses(): QueryProcesses {
  return new QueryProcesses({ memoryBytes: 1_000_000_000, spillBytes: 1_000_000_000, threads: 2 });
}
