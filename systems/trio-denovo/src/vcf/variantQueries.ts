import type { Region } from './region';
import { FIXED_COLUMNS, type VcfHeader } from './readHeader';

/** The three answers, by the name of their file. */
export const ANSWERS = ['child_alt', 'denovo_no_alt', 'denovo_strict'] as const;
export type Answer = (typeof ANSWERS)[number];

/** Who is who among the samples of the file. */
export interface Trio {
  child: string;
  father: string;
  mother: string;
}

/** Cases that are told of one by one. */
const MAX_CASES = 100;
/** A longer line is rejected; one of 2,500 samples has some 50,000. DuckDB takes sixteen times as much memory. */
const MAX_LINE_BYTES = 2_000_000;

export interface VariantFiles {
  genotypes: string;
  answers: Record<Answer, string>;
}

/** A line of which no record could be made, or a text of which no value could. */
export interface Case {
  /** `row`: the text is the line. `value`: the text is a genotype. */
  kind: 'row' | 'value';
  /** From 1, of the file for a line; of the records that could be read for a value. */
  number: number;
  column: string | null;
  text: string;
  reason: string;
}

/** What the last statement says. */
export interface Counts {
  rows_read: number;
  rows_rejected: number;
  values_unread: number;
  genotypes: number;
  child_alt: number;
  denovo_no_alt: number;
  denovo_strict: number;
  cases: Case[];
}

/**
 * SQL that reads the variable `vcf`, the name of a file, by the variables `child`, `father`, `mother` and `contig`, writes the
 * trio's genotypes as Parquet and the three answers as CSV, and selects one row of `Counts`.
 *
 * A variant is a position, REF and one ALT. The child has it when one of its alleles is that ALT; of several records of one
 * variant, when one of them says so.
 */
export function variantQueries(
  { samples, lines, compression }: VcfHeader,
  trio: Trio,
  { start, end }: Region,
  files: VariantFiles,
): string {
  const columns = Array.from({ length: FIXED_COLUMNS.length + samples.length }, (_, i) => `c${i}: 'VARCHAR'`);
  const columnOf = (sample: string) => `c${FIXED_COLUMNS.length + samples.indexOf(sample)}`;
  const members = (['child', 'father', 'mother'] as const).map((role) => ({
    role,
    column: columnOf(trio[role]),
  }));
  const sorted = 'ORDER BY chrom, pos, ref, alt';
  const copy = (where: string, file: string) =>
    `COPY (SELECT chrom, pos, ref, alt, id FROM variants WHERE ${where} ${sorted}) TO ${text(file)} (FORMAT csv, HEADER true, NULLSTR '');`;
  const conditions: Record<Answer, string> = {
    child_alt: 'child_has',
    denovo_no_alt: 'child_has AND NOT parent_has',
    denovo_strict: 'child_has AND parents_are_reference',
  };
  return `
CREATE TEMP MACRO alleles_of(sample, place) AS
  CASE WHEN coalesce(place, 0) = 0 THEN []::VARCHAR[]
    ELSE string_split(replace(ltrim(coalesce(string_split(sample, ':')[place], '.'), '/|'), '|', '/'), '/') END;
-- A cast alone takes 104.4, 1e2, 0x69, 1_06 and a blank before.
CREATE TEMP MACRO whole_of(digits) AS
  CASE WHEN regexp_full_match(digits, '[0-9]+') THEN try_cast(digits AS BIGINT) END;
CREATE TEMP MACRO base_of(allele) AS
  CASE WHEN regexp_full_match(allele, '[A-Za-z]+') THEN upper(allele) ELSE allele END;

CREATE TEMP TABLE records AS
SELECT n, chrom, pos_text, whole_of(pos_text) AS pos, id, ref, alts,
  CASE WHEN pos IS NULL THEN {name: 'POS', text: pos_text, reason: 'no whole number'}
    WHEN ref IS NULL THEN {name: 'REF', text: '', reason: 'no bases'} END AS wrong, ${members.map(({ role }) => `${role}, alleles_of(${role}, place) AS ${role}_alleles`).join(', ')}
FROM (
  SELECT row_number() OVER () AS n, c0 AS chrom, c1 AS pos_text, nullif(c2, '.') AS id, base_of(c3) AS ref,
    list_transform(string_split(c4, ','), lambda allele: base_of(allele)) AS alts,
    list_position(string_split(c8, ':'), 'GT') AS place, ${members.map(({ role, column }) => `${column} AS ${role}`).join(', ')}
  -- In parallel DuckDB 1.5.6 reads nothing from a record on that has too few fields and lies where it cuts the file.
  FROM read_csv(getvariable('vcf'), header = false, auto_detect = false, columns = {${columns.join(', ')}}, delim = '\t', quote = '', escape = '',
    skip = ${lines}, compression = '${compression}', nullstr = '', max_line_size = ${MAX_LINE_BYTES}, store_rejects = true, rejects_limit = 0, parallel = false)
)
WHERE chrom = getvariable('contig')
  AND coalesce(whole_of(pos_text) BETWEEN ${start} AND ${end ?? 'CAST(9223372036854775807 AS BIGINT)'}, true);

CREATE TEMP TABLE members AS
${members
  .map(
    ({ role }) =>
      `SELECT n, chrom, pos, id, ref, alts, '${role}' AS role, getvariable('${role}') AS sample, ${role} AS genotype, ${role}_alleles AS alleles FROM records WHERE wrong IS NULL`,
  )
  .join('\nUNION ALL\n')};

CREATE TEMP TABLE unread AS
SELECT n, sample, genotype FROM members
WHERE len(list_filter(alleles, lambda allele: allele NOT IN ('.', '') AND coalesce(whole_of(allele) NOT BETWEEN 0 AND len(alts), true))) > 0;

CREATE TEMP TABLE genotypes AS
SELECT chrom, pos, ref, alts[k] AS alt, id, sample, role,
  CASE WHEN unread.n IS NOT NULL THEN ['NO_CALL'] ELSE
  list_transform(alleles, lambda allele: CASE
    WHEN allele IN ('.', '') THEN 'NO_CALL'
    WHEN whole_of(allele) = 0 THEN 'REF'
    WHEN whole_of(allele) = k THEN 'ALT'
    ELSE 'OTHER_ALT' END) END AS alleles
FROM (SELECT *, unnest(range(1, len(alts) + 1)) AS k FROM members)
LEFT JOIN (SELECT DISTINCT n, sample FROM unread) AS unread USING (n, sample)
WHERE alts[k] <> '.';

CREATE TEMP TABLE variants AS
SELECT chrom, pos, ref, alt, min(id) AS id,
  bool_or(role = 'child' AND list_contains(alleles, 'ALT')) AS child_has,
  bool_or(role <> 'child' AND list_contains(alleles, 'ALT')) AS parent_has,
  bool_and(role = 'child' OR (len(alleles) > 0 AND len(list_filter(alleles, lambda allele: allele <> 'REF')) = 0)) AS parents_are_reference
FROM genotypes
GROUP BY chrom, pos, ref, alt;

COPY (SELECT chrom, pos, ref, alt, id, sample, alleles FROM genotypes ORDER BY chrom, pos, ref, alt, sample)
TO ${text(files.genotypes)} (FORMAT parquet, COMPRESSION snappy);
${ANSWERS.map((answer) => copy(conditions[answer], files.answers[answer])).join('\n')}

CREATE TEMP TABLE rejected AS
SELECT line AS number, min(CASE error_type WHEN 'MISSING COLUMNS' THEN 'too few columns' WHEN 'TOO MANY COLUMNS' THEN 'too many columns' ELSE lower(error_type) END) AS reason,
  ltrim(any_value(csv_line), chr(10) || chr(13)) AS text
FROM reject_errors GROUP BY line;

SELECT
  (SELECT count(*) FROM records WHERE wrong IS NULL)::INTEGER AS rows_read,
  ((SELECT count(*) FROM rejected) + (SELECT count(*) FROM records WHERE wrong IS NOT NULL))::INTEGER AS rows_rejected,
  (SELECT count(*) FROM unread)::INTEGER AS values_unread,
  (SELECT count(*) FROM genotypes)::INTEGER AS genotypes,
  ${ANSWERS.map((answer) => `(SELECT count(*) FROM variants WHERE ${conditions[answer]})::INTEGER AS ${answer}`).join(',\n  ')},
  (SELECT coalesce(list({kind: kind, number: number, "column": "column", text: left(text, 1000), reason: reason} ORDER BY number), []) FROM (
    SELECT 'row' AS kind, number::INTEGER AS number, NULL AS "column", text, reason FROM rejected
    UNION ALL
    SELECT 'value', n::INTEGER, wrong.name, wrong.text, wrong.reason FROM records WHERE wrong IS NOT NULL
    UNION ALL
    SELECT 'value', n::INTEGER, sample, genotype, 'no genotype of this record' FROM unread
    LIMIT ${MAX_CASES}
  )) AS cases`;
}

function text(value: string): string {
  return `'${value.replaceAll("'", "''")}'`;
}
