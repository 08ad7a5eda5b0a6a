import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DeleteObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { SluiceError } from '../errors';
import type { JobParameters } from '../jobs';
import { joinFolder, joinLocation, parseS3Uri } from '../pipelines/location';
import { splitStatements } from '../duckdb/tokens';
import type { SubmissionOf } from '../runners/runner';
import { askedOf, finderOf, loadTables } from './athenaQuery';
import { addTable, findTable, parseColumns, runTableStatement, type TextResult } from './athenaTables';
import {
  checkEmpty,
  parseTarget,
  writeIcebergRows,
  writeRows,
  type Target,
  type Written,
} from './athenaWrite';
import { mergePartitions, partitionFolder, type Catalog, type Column, type Table } from './catalog';
import { commitIceberg, createIceberg, isIceberg, type WrittenFile } from './iceberg';
import { keyIn, readJson, type LocalEngine, type LocalResult } from './inWorker';
import { openSession, putFile, type CatalogSession, type LocalLake } from './session';
import { isWord, nameOf, parseSql, printSql, quoteName, quoteText, splitAtCommas } from './sql';
import { Statement, type TableName } from './statement';
import { translateTrino, TRINO_SESSION, type Translated } from './trino';
import { failure, raise } from './trinoFunctions';
import { castTo } from './trinoCast';
import { loadParser } from './trinoTree';
import {
  commonType,
  fromHive,
  isScalar,
  sameType,
  toDuckdb,
  toHive,
  toText,
  toTrino,
  type TrinoType,
} from './trinoTypes';

const DEFAULT_DATABASE = 'default';
/** https://docs.aws.amazon.com/athena/latest/ug/service-limits.html */
const MAX_QUERY_BYTES = 262_144;

/** What one query works with. */
interface Run {
  id: string;
  database: string;
  /** The folder of the query's result, with a slash at its end. */
  output: string;
  parameters: readonly string[];
  workGroup: string;
  signal: AbortSignal;
  maxRows: number | undefined;
}

type Parameters = JobParameters['athena:startQueryExecution'];

/**
 * `athena:startQueryExecution` without AWS: the same Trino SQL on DuckDB over the local catalog, its result a CSV file in
 * Athena's own format, `<OutputLocation>/<query id>.csv`, or `.txt` for statements about tables.
 */
export class LocalAthena implements LocalEngine<'athena:startQueryExecution'> {
  private readonly s3: S3Client;
  private readonly catalog: Catalog;

  constructor(private readonly lake: LocalLake) {
    this.s3 = lake.s3;
    this.catalog = lake.catalog;
  }

  check({ QueryString = '', ResultConfiguration, ExecutionParameters }: Parameters): Promise<void> {
    if (Buffer.byteLength(QueryString) > MAX_QUERY_BYTES)
      throw new SluiceError(
        'InvalidJob',
        `QueryString: has ${Buffer.byteLength(QueryString)} bytes, and Athena takes ${MAX_QUERY_BYTES}; put long lists into a table`,
      );
    const statements = splitStatements(QueryString).length;
    if (statements !== 1)
      throw new SluiceError('InvalidJob', `QueryString: has ${statements} statements; Athena takes one`);
    const location = ResultConfiguration?.OutputLocation;
    if (location !== undefined && parseS3Uri(location) === null)
      throw new SluiceError('InvalidJob', `ResultConfiguration.OutputLocation: ${location} is no S3 URI`);
    checkParameters(QueryString, ExecutionParameters);
    return Promise.resolve();
  }

  async run(
    { job: { parameters }, maxRows }: SubmissionOf<'athena:startQueryExecution'>,
    id: string,
    signal: AbortSignal,
  ): Promise<LocalResult> {
    await loadParser();
    const {
      QueryString = '',
      QueryExecutionContext,
      ResultConfiguration,
      ExecutionParameters,
      WorkGroup,
    } = parameters;
    const [statement] = splitStatements(QueryString);
    return this.runStatement(statement!, {
      id,
      database: QueryExecutionContext?.Database ?? DEFAULT_DATABASE,
      output: joinFolder(ResultConfiguration?.OutputLocation ?? joinFolder(this.lake.lake, '.athena')),
      parameters: ExecutionParameters ?? [],
      workGroup: WorkGroup ?? 'primary',
      signal,
      maxRows,
    });
  }

  private async runStatement(sql: string, run: Run): Promise<LocalResult> {
    const startedAt = Date.now();
    const statement = new Statement(sql, run.database);
    const take = (...words: string[]) => statement.takeWords(...words);
    const text = await runTableStatement(this.catalog, statement, run.signal);
    if (text !== null) return this.writeText(text, run, startedAt);
    if (take('CREATE', 'OR', 'REPLACE', 'VIEW')) return this.createView(statement, run, true);
    if (take('CREATE', 'VIEW')) return this.createView(statement, run, false);
    if (take('CREATE', 'TABLE')) return this.createTableAs(statement, run);
    if (take('INSERT', 'INTO')) return this.insert(statement, run);
    if (take('UNLOAD')) return this.unload(statement, run);
    if (take('PREPARE')) return this.prepare(statement, run);
    if (take('EXECUTE')) return this.execute(statement, run);
    if (take('DEALLOCATE', 'PREPARE')) {
      await this.s3.send(new DeleteObjectCommand(this.preparedObject(run, statement.takeName())));
      return this.writeText({ columns: [], lines: [] }, run, startedAt);
    }
    if (take('EXPLAIN')) return this.explain(statement, run);
    if (take('DELETE', 'FROM')) return this.deleteRows(statement, run);
    if (take('UPDATE')) return this.updateRows(statement, run);
    if (take('OPTIMIZE')) return this.optimize(statement, run);
    for (const word of ['MERGE', 'VACUUM'])
      if (take(word))
        throw new SluiceError(
          'JobFailed',
          `NOT_SUPPORTED: local Athena does not know ${word}; run this job with SLUICE_ENGINES=aws`,
        );
    return this.select(sql, run);
  }

  // -- Queries -----------------------------------------------------------------------------------------------------------

  /** A session over what a query names. */
  private async open<T>(
    sql: string,
    run: Run,
    use: (session: CatalogSession, translated: Translated) => Promise<T>,
  ): Promise<T> {
    const { database, parameters, signal } = run;
    const tables = await loadTables(this.catalog, sql, database, signal).catch(rethrowAsJobFailed);
    const translated = asJobFailed(() =>
      translateTrino(sql, { database, parameters, find: finderOf(tables) }),
    );
    // A view may read the same table without a condition.
    const hasView = tables.some((table) => table.view !== undefined);
    const query = {
      sql: translated.sql,
      tables: sql.toLowerCase().includes('information_schema') ? [] : tables,
      session: TRINO_SESSION,
      database,
      signal,
      ...(hasView ? {} : { asked: askedOf(sql, database) }),
    };
    return openSession(this.lake, query, (session) => use(session, translated));
  }

  private select(sql: string, run: Run): Promise<LocalResult> {
    return this.open(sql, run, async (session, { columns }) => {
      const names = columns.map(({ name }, i) => name ?? `_col${i}`);
      const texts = columns.map(({ type }, i) => `${toText(type, `c${i}`)} AS c${i}`);
      const file = join(session.folder, 'result.csv');
      // A name may come twice, which a file of DuckDB's would not have: the header goes before the rows.
      const header = `SELECT ${names.map((name, i) => `${quoteText(name)} AS c${i}`).join(', ')}`;
      const { engineMs, rowCount } = await session.run(
        `${header} UNION ALL SELECT ${texts.join(', ')} FROM result`,
        {
          columns: columns.length,
          output: { file, format: 'csv', options: "FORMAT csv, HEADER false, NULLSTR '', FORCE_QUOTE *" },
        },
      );
      const output = joinLocation(run.output, `${run.id}.csv`);
      await putFile(this.s3, file, output, run.signal);
      await this.writeMetadata(
        `${output}.metadata`,
        columns.map(({ type }, i) => ({ Name: names[i]!, Type: toTrino(type) })),
      );
      const measures = {
        DataScannedInBytes: session.scannedBytes,
        EngineExecutionTimeInMillis: engineMs,
        rowsRead: session.rowsRead(),
        // The header is none.
        rowsWritten: rowCount - 1,
      };
      const rows = run.maxRows ? { rows: await session.read(readResult(file), run.maxRows) } : {};
      return { output, measures, ...rows };
    });
  }

  private explain(statement: Statement, run: Run): Promise<LocalResult> {
    const startedAt = Date.now();
    if (statement.takeWords('ANALYZE'))
      throw new SluiceError('JobFailed', 'NOT_SUPPORTED: local Athena does not know EXPLAIN ANALYZE');
    if (statement.next?.kind === 'group') {
      const options = statement.takeGroup();
      if (
        !/^\s*(FORMAT\s+TEXT|TYPE\s+(LOGICAL|DISTRIBUTED))(\s*,\s*(FORMAT\s+TEXT|TYPE\s+(LOGICAL|DISTRIBUTED)))*\s*$/i.test(
          options,
        )
      )
        throw new SluiceError('JobFailed', `NOT_SUPPORTED: local Athena does not know EXPLAIN (${options})`);
    }
    return this.open(statement.takeRest(), run, async (_session, { sql, columns }) => {
      const lines = [
        'Query Plan',
        ...columns.map(({ name, type }, i) => `Output ${name ?? `_col${i}`}: ${toTrino(type)}`),
        'Local engine:',
        sql,
      ];
      return this.writeText({ columns: ['Query Plan'], lines }, run, startedAt);
    });
  }

  // -- Writing -----------------------------------------------------------------------------------------------------------

  private async createView(statement: Statement, run: Run, replace: boolean): Promise<LocalResult> {
    const startedAt = Date.now();
    const { database, name } = statement.takeTable();
    const names =
      statement.next?.kind === 'group'
        ? statement.takeList().map(([column]) => nameOf(column)!.toLowerCase())
        : null;
    if (!statement.takeWords('AS')) statement.fail();
    const view = statement.takeRest();
    const tables = await loadTables(this.catalog, view, run.database, run.signal).catch(rethrowAsJobFailed);
    const { columns } = asJobFailed(() =>
      translateTrino(view, { database: run.database, find: finderOf(tables) }),
    );
    const old = await this.catalog.getTable(database, name);
    if (old !== null && (!replace || old.view === undefined))
      throw new SluiceError(
        'JobFailed',
        `AlreadyExistsException: ${old.view === undefined ? 'Table' : 'View'} ${database}.${name} exists already`,
      );
    await this.catalog.putTable({
      ...emptyTable(database, name),
      columns: columns.map(({ name: own, type }, i) => ({
        name: names?.[i] ?? namedColumn(own, i),
        type: toHive(type),
      })),
      view,
    });
    return this.writeText({ columns: [], lines: [] }, run, startedAt);
  }

  private async createTableAs(statement: Statement, run: Run): Promise<LocalResult> {
    const ifNotExists = statement.takeWords('IF', 'NOT', 'EXISTS');
    const { database, name } = statement.takeTable();
    if (statement.next?.kind === 'group')
      return this.createIceberg(statement, { database, name, ifNotExists }, run);
    const properties = statement.takeWords('WITH') ? statement.takeProperties() : {};
    if (!statement.takeWords('AS')) statement.fail();
    const text = statement.takeRest();
    const withoutData = /\sWITH\s+NO\s+DATA$/i.test(text);
    const query = text.replace(/\sWITH\s+(NO\s+)?DATA$/i, '');
    const sql = /^\([\s\S]*\)$/.test(query) && parseSql(query).length === 1 ? query.slice(1, -1) : query;
    const parsed = parseTarget(properties);
    const target = {
      ...parsed,
      location: joinFolder(parsed.location ?? joinFolder(run.output, `tables/${run.id}`)),
    };
    const old = await this.catalog.getTable(database, name);
    if (old !== null && old.properties['sluice.query'] !== run.id) {
      if (ifNotExists) return this.writeText({ columns: [], lines: [] }, run, Date.now());
      throw new SluiceError(
        'JobFailed',
        `TABLE_ALREADY_EXISTS: Table 'awsdatacatalog.${database}.${name}' already exists`,
      );
    }
    await checkEmpty(this.s3, target.location, run.id);
    return this.open(sql, run, async (session, { columns }) => {
      const typed = columns.map(({ name: own, type }, i) => ({
        name: namedColumn(own, i),
        type,
        isNamed: own !== null,
      }));
      const unnamed = typed.findIndex(({ isNamed }) => !isNamed);
      if (unnamed !== -1)
        throw new SluiceError(
          'JobFailed',
          `MISSING_COLUMN_NAME: line 1:1: Column name not specified at position ${unnamed + 1}`,
        );
      const last = typed.slice(typed.length - target.partitionedBy.length).map((column) => column.name);
      if (last.join() !== target.partitionedBy.join())
        throw new SluiceError(
          'JobFailed',
          `HIVE_COLUMN_ORDER_MISMATCH: Partition keys must be the last columns in the table and in the same order as the table properties: [${target.partitionedBy.join(', ')}]`,
        );
      const toColumn = ({ name: column, type }: (typeof typed)[number]): Column => ({
        name: column,
        type: toHive(type),
      });
      const table: Table = {
        ...emptyTable(database, name),
        format: target.format,
        location: target.location,
        columns: typed.filter((column) => !target.partitionedBy.includes(column.name)).map(toColumn),
        partitionKeys: typed.filter((column) => target.partitionedBy.includes(column.name)).map(toColumn),
        serde: target.format === 'csv' ? { 'field.delim': target.delimiter } : {},
        properties: { 'sluice.query': run.id },
      };
      if (isIceberg({ properties })) {
        const empty = await createIceberg(this.catalog, {
          ...table,
          format: 'parquet',
          // A text of Iceberg's has no length.
          columns: table.columns.map((column) => ({
            ...column,
            type: column.type.replace(/^varchar\(\d+\)$/, 'string'),
          })),
          properties: { ...table.properties, table_type: 'ICEBERG' },
        });
        const file = withoutData ? null : await writeIcebergRows(this.s3, session, empty, run);
        await commitIceberg(this.catalog, empty, { file, replace: false, query: run.id });
        return this.writeManifest(writtenBy(file), session, run);
      }
      const written = withoutData ? null : await writeRows(this.s3, session, typed, target, run);
      table.partitions = partitionsOf(target, written?.partitions ?? []);
      if (old === null) await addTable(this.catalog, table, false);
      else await this.catalog.putTable(table);
      return this.writeManifest(written ?? writtenBy(null), session, run);
    });
  }

  private async insert(statement: Statement, run: Run): Promise<LocalResult> {
    const name = statement.takeTable();
    const listed =
      statement.next?.kind === 'group' && !/^\s*(SELECT|WITH|VALUES)\b/i.test(printSql(statement.next.nodes))
        ? statement.takeList().map(([column]) => nameOf(column)!.toLowerCase())
        : null;
    const sql = statement.takeRest();
    const table = await findTable(this.catalog, name);
    if (table.view !== undefined)
      throw new SluiceError(
        'JobFailed',
        `NOT_SUPPORTED: Inserting into views is not supported: ${name.name}`,
      );
    if (table.format === 'opencsv')
      throw new SluiceError(
        'JobFailed',
        'NOT_SUPPORTED: local Athena writes Parquet, JSON and delimited text, and no table of OpenCSVSerde',
      );
    const all = [...table.columns, ...table.partitionKeys];
    const wanted = listed ?? all.map((column) => column.name);
    const absent = wanted.find((column) => !all.some((one) => one.name === column));
    if (absent !== undefined)
      throw new SluiceError(
        'JobFailed',
        `COLUMN_NOT_FOUND: Insert column name does not exist in target table: ${absent}`,
      );
    return this.writeInto(table, { wanted, sql, replace: false }, run);
  }

  /** Writes a query's rows into the columns that are wanted; `replace`: in place of all that an Iceberg table has. */
  private writeInto(
    table: Table,
    { wanted, sql, replace }: { wanted: readonly string[]; sql: string; replace: boolean },
    run: Run,
  ): Promise<LocalResult> {
    const all = [...table.columns, ...table.partitionKeys];
    return this.open(sql, run, async (session, { columns }) => {
      if (columns.length !== wanted.length)
        throw new SluiceError(
          'JobFailed',
          `TYPE_MISMATCH: Insert query has mismatched column types: Table has ${wanted.length} columns, query has ${columns.length}`,
        );
      const typed = all.map((column) => {
        const type = fromHive(column.type)!;
        const at = wanted.indexOf(column.name);
        const from = columns[at]?.type;
        if (from !== undefined && commonType(from, type) === null)
          throw new SluiceError(
            'JobFailed',
            `TYPE_MISMATCH: Insert query has mismatched column types: ${column.name} is ${toTrino(type)}, query: ${toTrino(from)}`,
          );
        const sqlOf =
          at === -1 || from === undefined
            ? `CAST(NULL AS ${toDuckdb(type)})`
            : storedAs(`c${at}`, from, type);
        return { name: column.name, type, sql: sqlOf };
      });
      const inner: CatalogSession = {
        ...session,
        run: (select, to) =>
          session.run(
            `SELECT * FROM (WITH cast_rows AS (SELECT ${typed.map((column, i) => `${column.sql} AS c${i}`).join(', ')} FROM result) ${select.replace(/ FROM result$/, ' FROM cast_rows')})`,
            { ...to, columns: columns.length },
          ),
      };
      if (isIceberg(table)) {
        const file = await writeIcebergRows(this.s3, inner, table, run);
        await commitIceberg(this.catalog, table, { file, replace, query: run.id });
        const { uris, rowCount } = writtenBy(file);
        // Of what is replaced, the rows that stayed as they were are not told apart.
        return this.writeManifest(replace ? { uris } : { uris, rowCount }, session, run);
      }
      const target: Target = {
        location: table.location,
        format: table.format,
        compression: table.format === 'parquet' ? 'snappy' : '',
        delimiter: table.serde['field.delim'] ?? '\u0001',
        partitionedBy: table.partitionKeys.map((key) => key.name),
      };
      const written = await writeRows(this.s3, inner, typed, target, run);
      if (written.partitions.length > 0) {
        const known = new Set(table.partitions.map(({ values }) => values.join('/')));
        const added = partitionsOf(target, written.partitions).filter(
          ({ values }) => !known.has(values.join('/')),
        );
        await this.catalog.putTable({ ...table, partitions: mergePartitions(table.partitions, added) });
      }
      return this.writeManifest(written, session, run);
    });
  }

  // -- Iceberg. https://docs.aws.amazon.com/athena/latest/ug/querying-iceberg.html -----------------------------------------

  private async createIceberg(
    statement: Statement,
    of: TableName & { ifNotExists: boolean },
    run: Run,
  ): Promise<LocalResult> {
    const startedAt = Date.now();
    const columns = parseColumns(statement.takeList());
    if (statement.takeWords('PARTITIONED', 'BY'))
      throw new SluiceError(
        'JobFailed',
        `NOT_SUPPORTED: local Athena has no partitions of Iceberg tables; leave PARTITIONED BY out of ${of.name}, whose answers are the same`,
      );
    const comment = statement.takeWords('COMMENT') ? statement.takeText() : undefined;
    const location = statement.takeWords('LOCATION') ? joinFolder(statement.takeText()) : '';
    const properties = statement.takeWords('TBLPROPERTIES') ? statement.takeProperties() : {};
    statement.end();
    if (!isIceberg({ properties }) || location === '')
      throw new SluiceError(
        'JobFailed',
        `SYNTAX_ERROR: ${of.name}: CREATE TABLE needs LOCATION and TBLPROPERTIES ('table_type' = 'ICEBERG'); use CREATE EXTERNAL TABLE for another`,
      );
    if ((await this.catalog.getTable(of.database, of.name)) !== null) {
      if (!of.ifNotExists)
        throw new SluiceError(
          'JobFailed',
          `TABLE_ALREADY_EXISTS: Table '${of.database}.${of.name}' already exists; add IF NOT EXISTS`,
        );
    } else {
      const table = { ...emptyTable(of.database, of.name), columns, location, properties };
      await createIceberg(this.catalog, comment === undefined ? table : { ...table, comment });
    }
    return this.writeText({ columns: [], lines: [] }, run, startedAt);
  }

  private async findIceberg(statement: Statement): Promise<{ table: Table; from: string; names: string[] }> {
    const table = await findTable(this.catalog, statement.takeTable());
    if (!isIceberg(table))
      throw new SluiceError(
        'JobFailed',
        `NOT_SUPPORTED: Modifying Hive table rows is only supported for Iceberg tables: ${table.name} is none`,
      );
    const names = table.columns.map(({ name }) => quoteName(name));
    return { table, from: `${quoteName(table.database)}.${quoteName(table.name)}`, names };
  }

  private async deleteRows(statement: Statement, run: Run): Promise<LocalResult> {
    const { table, from, names } = await this.findIceberg(statement);
    const condition = statement.takeWords('WHERE') ? statement.takeRest() : 'true';
    statement.end();
    const sql = `SELECT ${names.join(', ')} FROM ${from} WHERE NOT coalesce((${condition}), false)`;
    return this.writeInto(table, { wanted: table.columns.map(({ name }) => name), sql, replace: true }, run);
  }

  private async updateRows(statement: Statement, run: Run): Promise<LocalResult> {
    const { table, from, names } = await this.findIceberg(statement);
    if (!statement.takeWords('SET')) statement.fail();
    const nodes = parseSql(statement.takeRest());
    const at = nodes.findIndex((node) => isWord(node, 'WHERE'));
    const condition = at === -1 ? 'true' : printSql(nodes.slice(at + 1));
    const set = new Map(
      splitAtCommas(at === -1 ? nodes : nodes.slice(0, at)).map(([name, , ...value]) => [
        nameOf(name)?.toLowerCase() ?? '',
        printSql(value),
      ]),
    );
    const unknown = [...set.keys()].find((name) => !table.columns.some((column) => column.name === name));
    if (unknown !== undefined)
      throw new SluiceError('JobFailed', `COLUMN_NOT_FOUND: The UPDATE table has no column ${unknown}`);
    const values = table.columns.map(({ name }, i) => {
      const value = set.get(name);
      return value === undefined
        ? names[i]!
        : `CASE WHEN (${condition}) THEN (${value}) ELSE ${names[i]} END AS ${names[i]}`;
    });
    const sql = `SELECT ${values.join(', ')} FROM ${from}`;
    return this.writeInto(table, { wanted: table.columns.map(({ name }) => name), sql, replace: true }, run);
  }

  /** All rows in one file. */
  private async optimize(statement: Statement, run: Run): Promise<LocalResult> {
    const { table, from, names } = await this.findIceberg(statement);
    if (!statement.takeWords('REWRITE', 'DATA', 'USING', 'BIN_PACK')) statement.fail();
    if (statement.takeWords('WHERE')) statement.takeRest();
    statement.end();
    const sql = `SELECT ${names.join(', ')} FROM ${from}`;
    return this.writeInto(table, { wanted: table.columns.map(({ name }) => name), sql, replace: true }, run);
  }

  private async unload(statement: Statement, run: Run): Promise<LocalResult> {
    const sql = statement.takeGroup();
    if (!statement.takeWords('TO')) statement.fail();
    const location = joinFolder(statement.takeText());
    if (parseS3Uri(location) === null) throw new SluiceError('JobFailed', `UNLOAD: ${location} is no S3 URI`);
    const properties = statement.takeWords('WITH') ? statement.takeProperties() : {};
    statement.end();
    if (properties['format'] === undefined)
      throw new SluiceError(
        'JobFailed',
        "INVALID_TABLE_PROPERTY: UNLOAD needs WITH (format = 'PARQUET'), or another format",
      );
    const target = { ...parseTarget({ field_delimiter: ',', ...properties }), location };
    await checkEmpty(this.s3, location, run.id);
    return this.open(sql, run, async (session, { columns }) => {
      const typed = columns.map(({ name, type }, i) => ({ name: namedColumn(name, i), type }));
      const written = await writeRows(this.s3, session, typed, target, run);
      return this.writeManifest(written, session, run);
    });
  }

  // -- Prepared statements. https://docs.aws.amazon.com/athena/latest/ug/querying-with-prepared-statements.html -----------

  private preparedObject({ workGroup }: Run, name: string): { Bucket: string; Key: string } {
    return {
      Bucket: parseS3Uri(this.lake.lake)!.bucket,
      Key: keyIn(this.lake.lake, `.prepared/${workGroup}/${name}.json`),
    };
  }

  private async prepare(statement: Statement, run: Run): Promise<LocalResult> {
    const startedAt = Date.now();
    const name = statement.takeName();
    if (!statement.takeWords('FROM')) statement.fail();
    const Body = JSON.stringify({ sql: statement.takeRest() });
    await this.s3.send(new PutObjectCommand({ ...this.preparedObject(run, name), Body }));
    return this.writeText({ columns: [], lines: [] }, run, startedAt);
  }

  private async execute(statement: Statement, run: Run): Promise<LocalResult> {
    const name = statement.takeName();
    const prepared = await readJson<{ sql: string }>(this.s3, this.preparedObject(run, name), run.signal);
    if (prepared === null)
      throw new SluiceError('JobFailed', `NOT_FOUND: Prepared statement not found: ${name}`);
    const rest = statement.takeWords('USING') ? statement.takeRest() : '';
    statement.end();
    const given = splitAtCommas(parseSql(rest)).map((value) => printSql(value).trim());
    return this.runStatement(prepared.sql, { ...run, parameters: given.length > 0 ? given : run.parameters });
  }

  // -- Results. https://docs.aws.amazon.com/athena/latest/ug/querying-finding-output-files.html ---------------------------

  private async writeText({ columns, lines }: TextResult, run: Run, startedAt: number): Promise<LocalResult> {
    const output = joinLocation(run.output, `${run.id}.txt`);
    const Body = lines.map((line) => `${line}\n`).join('');
    const { bucket, key } = parseS3Uri(output)!;
    await this.s3.send(
      new PutObjectCommand({ Bucket: bucket, Key: key, Body, ContentLength: Buffer.byteLength(Body) }),
    );
    if (columns.length > 0)
      await this.writeMetadata(
        `${output}.metadata`,
        columns.map((Name) => ({ Name, Type: 'string' })),
      );
    const rows = lines.slice(0, run.maxRows ?? 0).map((line) => {
      const parts = columns.length > 1 ? line.split('\t') : [line];
      return Object.fromEntries(columns.map((column, i) => [column, parts[i]?.trimEnd() ?? '']));
    });
    const measures = { DataScannedInBytes: 0, EngineExecutionTimeInMillis: Date.now() - startedAt };
    return { output, measures, ...(run.maxRows ? { rows } : {}) };
  }

  private async writeManifest(
    { uris, rowCount }: Pick<Written, 'uris'> & Partial<Written>,
    session: CatalogSession,
    run: Run,
  ): Promise<LocalResult> {
    const output = joinLocation(run.output, `${run.id}-manifest.csv`);
    const file = join(session.folder, 'manifest.csv');
    await writeFile(file, uris.map((uri) => `${uri}\n`).join(''));
    await putFile(this.s3, file, output, run.signal);
    const measures = {
      DataScannedInBytes: session.scannedBytes,
      rowsRead: session.rowsRead(),
      ...(rowCount === undefined ? {} : { rowsWritten: rowCount }),
    };
    return { output, measures, ...(run.maxRows ? { rows: [] } : {}) };
  }

  /** The columns with their types. Athena's own file is binary and described nowhere; this one is JSON. */
  private async writeMetadata(uri: string, ColumnInfo: { Name: string; Type: string }[]): Promise<void> {
    const { bucket, key } = parseS3Uri(uri)!;
    await this.s3.send(
      new PutObjectCommand({ Bucket: bucket, Key: key, Body: JSON.stringify({ ColumnInfo }) }),
    );
  }
}

/** A value as a column takes it. A text is not cut: https://trino.io/docs/current/sql/insert.html */
function storedAs(sql: string, from: TrinoType, to: TrinoType): string {
  if (isScalar(from, 'varchar', 'char') && isScalar(to, 'varchar', 'char')) {
    if (to.length === undefined || (from.length ?? Infinity) <= to.length) return sql;
    const problem = failure(
      `INVALID_CAST_ARGUMENT: Cannot truncate non-space characters when casting from ${toTrino(from)} to ${toTrino(to)} on INSERT`,
    );
    return `CASE WHEN length(${sql}) > ${to.length} THEN ${raise(problem, to)} ELSE ${sql} END`;
  }
  return sameType(from, to) ? sql : castTo(sql, from, to);
}

function emptyTable(database: string, name: string): Table {
  return {
    database,
    name,
    format: 'parquet',
    location: '',
    columns: [],
    partitionKeys: [],
    partitions: [],
    serde: {},
    properties: {},
  };
}

function namedColumn(name: string | null, i: number): string {
  return (name ?? `_col${i}`).toLowerCase();
}

function writtenBy(file: WrittenFile | null): Written {
  return file === null ? { uris: [], rowCount: 0 } : { uris: [file.uri], rowCount: file.rowCount };
}

function partitionsOf({ location, partitionedBy }: Target, values: readonly string[][]): Table['partitions'] {
  const keys = partitionedBy.map((name) => ({ name, type: 'string' }));
  return values.map((own) => ({ values: own, location: joinFolder(location, partitionFolder(keys, own)) }));
}

/** A query that Athena would not take has failed as a query: it was submitted. */
function asJobFailed<T>(make: () => T): T {
  try {
    return make();
  } catch (error) {
    return rethrowAsJobFailed(error);
  }
}

function rethrowAsJobFailed(error: unknown): never {
  if (error instanceof SluiceError && error.code === 'InvalidJob')
    throw new SluiceError('JobFailed', error.message, { cause: error });
  throw error;
}

/** As many literals as the query has `?`; those of a prepared statement are counted when it runs. */
function checkParameters(sql: string, parameters: readonly string[] = []): void {
  const literal = /^\s*([A-Za-z]+\s+)?('([^']|'')*'|[+-]?\d[\w.]*|true|false|null)\s*$/i;
  const wrong = parameters.find((text) => !literal.test(text));
  if (wrong !== undefined)
    throw new SluiceError(
      'InvalidJob',
      `ExecutionParameters: ${wrong} is no literal; put a text in single quotes, such as 'a'`,
    );
  const nodes = parseSql(sql);
  if (/^(EXECUTE|PREPARE)$/i.test(nodes[0]?.kind === 'word' ? nodes[0].text : '')) return;
  const count = printTokens(nodes).filter((text) => text === '?').length;
  if (count !== parameters.length)
    throw new SluiceError(
      'InvalidJob',
      `ExecutionParameters: the query has ${count} "?" and ${parameters.length} are given`,
    );
}

function printTokens(nodes: ReturnType<typeof parseSql>): string[] {
  return nodes.flatMap((node) => (node.kind === 'group' ? printTokens(node.nodes) : [node.text]));
}

function readResult(file: string): string {
  return `SELECT * FROM read_csv(${quoteText(file)}, header = true, all_varchar = true, delim = ',', quote = '"', escape = '"', allow_quoted_nulls = false)`;
}
