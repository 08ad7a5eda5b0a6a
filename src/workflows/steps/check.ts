import type { JobParameters, JobResult } from '../../jobs';
import { DURATION_NEEDS, formatDuration, parseBoundedDuration } from '../../pipelines/duration';
import type { StepCheck } from '../../contracts/messages';

/** Where rows lie: one object, or a folder that holds `_SUCCESS`, as `s3://bucket/key`. */
export interface CheckedRows {
  location: string;
  /** Default: as the name ends (`.csv`, `.json`, `.jsonl`), and Parquet for all others. */
  format?: 'parquet' | 'csv' | 'json';
}

/**
 * What has to hold of the rows; the words are those of dbt's tests and Glue Data Quality's rules. Values that are null hold
 * against every rule but `notNull` and `fresh`.
 */
export type CheckRule =
  | { rule: 'rowCount'; min?: number; max?: number }
  | { rule: 'notNull'; column: string }
  /** No two rows have the same values in these columns. */
  | { rule: 'unique'; columns: string | readonly string[] }
  | { rule: 'acceptedValues'; column: string; values: readonly (string | number | boolean)[] }
  /** The sum of a column is that of a column elsewhere (of the same name unless given), as far as `tolerance` (0). */
  | { rule: 'sumEquals'; column: string; of: CheckedRows & { column?: string }; tolerance?: number }
  /** The newest time of a column is not older than this duration. */
  | { rule: 'fresh'; column: string; within: string };

export interface CheckOptions extends CheckedRows {
  rules: readonly CheckRule[];
  /** What a rule that does not hold does to the run: fail it with `CheckFailed` (the default), or stand in the status. */
  onFailure?: 'fail' | 'warn';
}

/** @returns what is wrong with the rules, which no type may have checked; empty when nothing is */
export function findCheckProblems({ rules, onFailure = 'fail' }: CheckOptions): string[] {
  const problems = Array.isArray(rules)
    ? rules.flatMap(findRuleProblems)
    : [`rules: ${JSON.stringify(rules)}; give a list of rules`];
  if (Array.isArray(rules) && rules.length === 0) problems.push('rules: none; give at least one');
  if (!['fail', 'warn'].includes(onFailure)) problems.push(`onFailure: ${onFailure}; give fail or warn`);
  return problems;
}

type GivenRule = Record<string, unknown>;

function findRuleProblems(given: unknown, i: number): string[] {
  if (!isObject(given))
    return [`rules[${i}]: ${JSON.stringify(given)}; give one such as { "rule": "notNull", "column": "id" }`];
  const at = `rules[${i}] (${String(given['rule'])})`;
  const names = Object.keys(PROBLEMS) as CheckRule['rule'][];
  const name = names.find((known) => known === given['rule']);
  if (name === undefined) return [`${at}: give one of ${names.join(', ')}`];
  return PROBLEMS[name](given).map((problem) => `${at}: ${problem}`);
}

/** What is wrong with the fields of each rule. */
const PROBLEMS: Record<CheckRule['rule'], (given: GivenRule) => string[]> = {
  rowCount: (given) => {
    const { min, max } = given;
    if (min === undefined && max === undefined) return ['give min, max or both'];
    const problems = ['min', 'max'].flatMap((field) => findNumberProblems(given, field));
    return problems.length === 0 && Number(min) > Number(max)
      ? [`min is ${Number(min)} and max is ${Number(max)}; give a min that is not above max`]
      : problems;
  },
  notNull: (given) => findNameProblems(given),
  unique: ({ columns }) => {
    if (Array.isArray(columns) ? columns.length === 0 : columns === '') return ['give at least one column'];
    return isName(columns) || (Array.isArray(columns) && columns.every(isName))
      ? []
      : [lacking('columns', columns, 'the name of a column or a list of names')];
  },
  acceptedValues: (given) => {
    const { values } = given;
    const problems = findNameProblems(given);
    if (!Array.isArray(values)) return [...problems, lacking('values', values, 'a list of values')];
    return values.length === 0 ? [...problems, 'give at least one value'] : problems;
  },
  sumEquals: (given) => {
    const { of } = given;
    const problems = [...findNameProblems(given), ...findNumberProblems(given, 'tolerance')];
    if (!isObject(of) || !isName(of['location']))
      return [...problems, lacking('of', of, 'the rows with the other column, { "location": "s3://…" }')];
    return of['column'] === undefined ? problems : [...problems, ...findNameProblems(of, 'of.')];
  },
  fresh: (given) => {
    const { within } = given;
    const problems = findNameProblems(given);
    return parseBoundedDuration(within) === null
      ? [...problems, lacking('within', within, DURATION_NEEDS)]
      : problems;
  },
};

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;
const isName = (value: unknown): value is string => typeof value === 'string' && value !== '';

const findNameProblems = ({ column }: GivenRule, of = '') =>
  isName(column) ? [] : [lacking(`${of}column`, column, 'the name of a column')];

const findNumberProblems = (given: GivenRule, field: string) =>
  given[field] === undefined || Number.isFinite(given[field])
    ? []
    : [lacking(field, given[field], 'a number')];

const lacking = (field: string, value: unknown, needs: string) =>
  value === undefined ? `give ${field}` : `${field} is ${JSON.stringify(value)}; give ${needs}`;

/** One query that answers a row for each rule, in their order: what it says, whether it holds, and what was found. */
export function checkQuery(options: CheckOptions): JobParameters['duckdb:query'] {
  const inputs: Record<string, string> = { checked: options.location };
  const selects = options.rules.map((rule, i) => {
    let other = '';
    if (rule.rule === 'sumEquals') {
      inputs[`other_${i}`] = rule.of.location;
      other = readerOf(rule.of, `other_${i}`);
    }
    const { holds, found } = sqlOf(rule, other);
    return `SELECT ${i} AS number, ${text(DESCRIBE[rule.rule](rule as never))} AS rule, ${holds} AS holds, (${found})::VARCHAR AS found FROM rows`;
  });
  const sql = [
    `WITH rows AS (SELECT * FROM ${readerOf(options, 'checked')})`,
    `SELECT rule, holds, found FROM (${selects.join('\nUNION ALL ')}) ORDER BY number`,
  ];
  return { sql: sql.join('\n'), inputs, maxRows: options.rules.length };
}

export function readChecks({ rows }: JobResult): StepCheck[] {
  return (rows ?? []).map(({ rule, holds, found }) => ({
    rule: String(rule),
    holds: holds === true,
    found: String(found),
  }));
}

/** `2 of 3 rules do not hold: at least 1 row (0 rows); date is not null (4 nulls)`. */
export function describeChecks(checks: readonly StepCheck[]): string {
  const failed = checks.filter(({ holds }) => !holds);
  if (failed.length === 0)
    return `${checks.length === 1 ? 'the rule holds' : `all ${checks.length} rules hold`}`;
  const said = failed.map(({ rule, found }) => `${rule} (${found})`).join('; ');
  return `${failed.length} of ${checks.length} rules ${failed.length === 1 ? 'does' : 'do'} not hold: ${said}`;
}

type RuleOf<K extends CheckRule['rule']> = Extract<CheckRule, { rule: K }>;

const DESCRIBE: { [K in CheckRule['rule']]: (rule: RuleOf<K>) => string } = {
  rowCount: ({ min, max }) =>
    max === undefined
      ? `at least ${min} rows`
      : min === undefined
        ? `at most ${max} rows`
        : `${min} to ${max} rows`,
  notNull: ({ column }) => `${column} is not null`,
  unique: ({ columns }) =>
    `${columnsOf(columns).join(', ')} ${columnsOf(columns).length === 1 ? 'is' : 'are'} unique`,
  acceptedValues: ({ column, values }) => `${column} is one of ${values.join(', ')}`,
  sumEquals: ({ column, of }) => `the sum of ${column} is that of ${of.column ?? column} in ${of.location}`,
  fresh: ({ column, within }) =>
    `${column} is of the last ${formatDuration(parseBoundedDuration(within) ?? 0)}`,
};

function sqlOf(rule: CheckRule, other: string): { holds: string; found: string } {
  switch (rule.rule) {
    case 'rowCount': {
      const { min = 0, max } = rule;
      const most = max === undefined ? '' : ` AND count(*) <= ${Number(max)}`;
      return { holds: `count(*) >= ${Number(min)}${most}`, found: `count(*) || ' rows'` };
    }
    case 'notNull': {
      const nulls = `count(*) FILTER (${quote(rule.column)} IS NULL)`;
      return { holds: `${nulls} = 0`, found: `${nulls} || ' nulls'` };
    }
    case 'unique': {
      const columns = columnsOf(rule.columns).map(quote);
      const isWhole = columns.map((column) => `${column} IS NOT NULL`).join(' AND ');
      const twice = `(SELECT count(*) FROM (SELECT 1 FROM rows WHERE ${isWhole} GROUP BY ${columns.join(', ')} HAVING count(*) > 1))`;
      return {
        holds: `any_value(${twice}) IS NOT DISTINCT FROM 0 OR count(*) = 0`,
        found: `coalesce(any_value(${twice}), 0) || ' values more than once'`,
      };
    }
    case 'acceptedValues': {
      const column = `${quote(rule.column)}::VARCHAR`;
      const isOther = `${quote(rule.column)} IS NOT NULL AND ${column} NOT IN (${rule.values.map((value) => text(String(value))).join(', ')})`;
      const others = `list_sort(list(DISTINCT ${column}) FILTER (${isOther}))`;
      return {
        holds: `count(*) FILTER (${isOther}) = 0`,
        found: `count(*) FILTER (${isOther}) || ' others' || coalesce(': ' || array_to_string(${others}[:5], ', '), '')`,
      };
    }
    case 'sumEquals': {
      const sum = `coalesce(sum(${numberOf(rule.column)}), 0)`;
      const otherSum = `(SELECT coalesce(sum(${numberOf(rule.of.column ?? rule.column)}), 0) FROM ${other})`;
      return {
        holds: `abs(${sum} - any_value(${otherSum})) <= ${Number(rule.tolerance ?? 0)}`,
        found: `${sum} || ' against ' || any_value(${otherSum})`,
      };
    }
    case 'fresh': {
      const newest = `max(TRY_CAST(${quote(rule.column)} AS TIMESTAMPTZ))`;
      const withinMs = parseBoundedDuration(rule.within)!;
      return {
        holds: `coalesce(epoch_ms(now()) - epoch_ms(${newest}) <= ${withinMs}, false)`,
        found: `coalesce('the newest is of ' || ${newest}, 'no time')`,
      };
    }
  }
}

/** Columns of CSV are text. */
const numberOf = (column: string) => `TRY_CAST(${quote(column)} AS DECIMAL(38, 9))`;
const columnsOf = (columns: string | readonly string[]) =>
  typeof columns === 'string' ? [columns] : columns;
const quote = (name: string) => `"${name.replaceAll('"', '""')}"`;
const text = (value: string) => `'${value.replaceAll("'", "''")}'`;

function readerOf({ location, format = formatOf(location) }: CheckedRows, input: string): string {
  const files = `getvariable('${input}')`;
  if (format === 'parquet') return `read_parquet(${files})`;
  if (format === 'json') return `read_json(${files})`;
  // The dialect is given and not guessed, as everywhere.
  return `read_csv(${files}, header = true, skip = 0, comment = '', all_varchar = true, delim = ',', quote = '"', escape = '"')`;
}

function formatOf(location: string): 'parquet' | 'csv' | 'json' {
  if (/\.csv(\.gz)?$/i.test(location)) return 'csv';
  return /\.jsonl?(\.gz)?$/i.test(location) ? 'json' : 'parquet';
}
