import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SluiceError } from '../errors';
import { joinFolder } from '../pipelines/location';
import { classesOf, formatOf } from './athenaTables';
import type { Catalog, Column, Partition, Table } from './catalog';
import { isIceberg } from './iceberg';

/** The parts of Glue's shapes that the catalog has. https://docs.aws.amazon.com/glue/latest/webapi/API_TableInput.html */
interface GlueTable {
  Name?: string;
  Description?: string;
  TableType?: string;
  Parameters?: Record<string, string>;
  PartitionKeys?: GlueColumn[];
  StorageDescriptor?: GlueStorage;
  ViewOriginalText?: string;
}

interface GlueColumn {
  Name: string;
  Type?: string;
  Comment?: string;
}

interface GlueStorage {
  Columns?: GlueColumn[];
  Location?: string;
  SerdeInfo?: { SerializationLibrary?: string; Parameters?: Record<string, string> };
}

interface GluePartition {
  Values?: string[];
  StorageDescriptor?: GlueStorage;
}

interface Request {
  DatabaseName?: string;
  Name?: string;
  TableName?: string;
  Expression?: string;
  DatabaseInput?: { Name?: string };
  TableInput?: GlueTable;
  PartitionInput?: GluePartition;
  PartitionInputList?: GluePartition[];
  PartitionValues?: string[];
  PartitionsToGet?: { Values?: string[] }[];
  PartitionsToDelete?: { Values?: string[] }[];
}

/** Where a client finds the catalog, e.g. with `AWS_ENDPOINT_URL_GLUE`. */
export interface GlueServer {
  url: string;
  stop(): Promise<void>;
}

/**
 * The local catalog behind Glue's own API on a loopback port: databases, tables and partitions, so that Spark and other
 * clients of the laptop see the tables that local Athena sees. Requests are JSON with the action in `X-Amz-Target`;
 * signatures are not looked at.
 * https://docs.aws.amazon.com/glue/latest/dg/aws-glue-api-catalog.html
 */
export async function startGlueServer(catalog: Catalog, port = 0): Promise<GlueServer> {
  const server = createServer((request, response) => {
    const answer = (status: number, body: object) => {
      response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' });
      response.end(JSON.stringify(body));
    };
    answerRequest(catalog, request).then(
      (body) => answer(200, body),
      (error: Error) => {
        const name = error instanceof GlueFault ? error.code : 'InternalServiceException';
        answer(error instanceof GlueFault ? 400 : 500, {
          __type: name,
          Message: error.message,
          message: error.message,
        });
      },
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

class GlueFault extends Error {
  constructor(
    readonly code: 'EntityNotFoundException' | 'AlreadyExistsException' | 'InvalidInputException',
    message: string,
  ) {
    super(message);
  }
}

async function answerRequest(catalog: Catalog, request: IncomingMessage): Promise<object> {
  const action = /^AWSGlue\.(\w+)$/.exec(String(request.headers['x-amz-target']))?.[1];
  const run = action === undefined ? undefined : ACTIONS[action];
  if (!run)
    throw new GlueFault(
      'InvalidInputException',
      `${action ?? 'A request without X-Amz-Target'}: the local catalog has ${Object.keys(ACTIONS).join(', ')}`,
    );
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  try {
    return await run(catalog, JSON.parse(Buffer.concat(chunks).toString() || '{}') as Request);
  } catch (error) {
    if (error instanceof SluiceError || error instanceof SyntaxError)
      throw new GlueFault('InvalidInputException', error.message);
    throw error;
  }
}

const ACTIONS: Record<string, (catalog: Catalog, request: Request) => Promise<object>> = {
  async GetDatabases(catalog) {
    return { DatabaseList: (await catalog.listDatabases()).map((Name) => ({ Name })) };
  },
  async GetDatabase(catalog, { Name = '' }) {
    if (!(await catalog.listDatabases()).includes(Name.toLowerCase()))
      throw new GlueFault('EntityNotFoundException', `Database ${Name} not found.`);
    return { Database: { Name: Name.toLowerCase() } };
  },
  async CreateDatabase(catalog, { DatabaseInput }) {
    const name = required(DatabaseInput?.Name, 'DatabaseInput.Name').toLowerCase();
    if ((await catalog.listDatabases()).includes(name))
      throw new GlueFault('AlreadyExistsException', 'Database already exists.');
    await catalog.putDatabase(name);
    return {};
  },
  async DeleteDatabase(catalog, { Name }) {
    const name = required(Name, 'Name').toLowerCase();
    for (const table of await catalog.listTables())
      if (table.database === name) await catalog.removeTable(name, table.name);
    await catalog.removeDatabase(name);
    return {};
  },
  async GetTable(catalog, { DatabaseName, Name }) {
    return { Table: toGlue(await findTable(catalog, DatabaseName, Name)) };
  },
  async GetTables(catalog, { DatabaseName, Expression }) {
    const database = required(DatabaseName, 'DatabaseName').toLowerCase();
    const pattern =
      Expression === undefined ? null : new RegExp(`^(${Expression.replace(/(?<!\.)\*/g, '.*')})$`);
    const tables = (await catalog.listTables()).filter(
      (table) => table.database === database && (pattern?.test(table.name) ?? true),
    );
    return { TableList: tables.map(toGlue) };
  },
  async CreateTable(catalog, { DatabaseName, TableInput }) {
    const table = fromGlue(required(DatabaseName, 'DatabaseName'), TableInput ?? {});
    if ((await catalog.getTable(table.database, table.name)) !== null)
      throw new GlueFault('AlreadyExistsException', 'Table already exists.');
    await catalog.putTable(table);
    return {};
  },
  async UpdateTable(catalog, { DatabaseName, TableInput }) {
    const old = await findTable(catalog, DatabaseName, TableInput?.Name);
    await catalog.putTable({ ...fromGlue(old.database, TableInput ?? {}), partitions: old.partitions });
    return {};
  },
  async DeleteTable(catalog, { DatabaseName, Name }) {
    const { database, name } = await findTable(catalog, DatabaseName, Name);
    await catalog.removeTable(database, name);
    return {};
  },
  async GetPartitions(catalog, { DatabaseName, TableName, Expression }) {
    const table = await findTable(catalog, DatabaseName, TableName);
    const asked = parseExpression(Expression, table);
    const found = table.partitions.filter(({ values }) => asked.every(([i, value]) => values[i] === value));
    return { Partitions: found.map((partition) => partitionToGlue(table, partition)) };
  },
  async GetPartition(catalog, { DatabaseName, TableName, PartitionValues = [] }) {
    const table = await findTable(catalog, DatabaseName, TableName);
    const found = table.partitions.find(hasValues(PartitionValues));
    if (!found) throw new GlueFault('EntityNotFoundException', 'Cannot find partition.');
    return { Partition: partitionToGlue(table, found) };
  },
  async BatchGetPartition(catalog, { DatabaseName, TableName, PartitionsToGet = [] }) {
    const table = await findTable(catalog, DatabaseName, TableName);
    const found = PartitionsToGet.flatMap(
      ({ Values = [] }) => table.partitions.find(hasValues(Values)) ?? [],
    );
    return { Partitions: found.map((partition) => partitionToGlue(table, partition)), UnprocessedKeys: [] };
  },
  async CreatePartition(catalog, { DatabaseName, TableName, PartitionInput = {} }) {
    const table = await findTable(catalog, DatabaseName, TableName);
    if (table.partitions.some(hasValues(PartitionInput.Values ?? [])))
      throw new GlueFault('AlreadyExistsException', 'Partition already exists.');
    await catalog.putTable({
      ...table,
      partitions: [...table.partitions, partitionFromGlue(table, PartitionInput)],
    });
    return {};
  },
  async BatchCreatePartition(catalog, { DatabaseName, TableName, PartitionInputList = [] }) {
    const table = await findTable(catalog, DatabaseName, TableName);
    const [known, fresh] = [true, false].map((wanted) =>
      PartitionInputList.filter(({ Values = [] }) => table.partitions.some(hasValues(Values)) === wanted),
    ) as [GluePartition[], GluePartition[]];
    await catalog.putTable({
      ...table,
      partitions: [...table.partitions, ...fresh.map((input) => partitionFromGlue(table, input))],
    });
    return {
      Errors: known.map(({ Values }) => ({
        PartitionValues: Values,
        ErrorDetail: { ErrorCode: 'AlreadyExistsException', ErrorMessage: 'Partition already exists.' },
      })),
    };
  },
  async DeletePartition(catalog, { DatabaseName, TableName, PartitionValues = [] }) {
    const table = await findTable(catalog, DatabaseName, TableName);
    await catalog.putTable({
      ...table,
      partitions: table.partitions.filter((one) => !hasValues(PartitionValues)(one)),
    });
    return {};
  },
  async BatchDeletePartition(catalog, { DatabaseName, TableName, PartitionsToDelete = [] }) {
    const table = await findTable(catalog, DatabaseName, TableName);
    const gone = (one: Partition) => PartitionsToDelete.some(({ Values = [] }) => hasValues(Values)(one));
    await catalog.putTable({ ...table, partitions: table.partitions.filter((one) => !gone(one)) });
    return { Errors: [] };
  },
};

function required(value: string | undefined, name: string): string {
  if (value === undefined || value === '') throw new GlueFault('InvalidInputException', `${name} is missing`);
  return value;
}

async function findTable(
  catalog: Catalog,
  database: string | undefined,
  name: string | undefined,
): Promise<Table> {
  const table = await catalog.getTable(
    required(database, 'DatabaseName'),
    required(name, "the table's name"),
  );
  if (table === null) throw new GlueFault('EntityNotFoundException', `Table ${name} not found.`);
  return table;
}

const hasValues = (values: readonly string[]) => (partition: Partition) =>
  partition.values.join('/') === values.join('/');

/** `a = 'x' AND b = 1`. @returns the places of the keys with the values asked for */
function parseExpression(expression: string | undefined, { partitionKeys }: Table): [number, string][] {
  if (expression === undefined || expression.trim() === '') return [];
  return expression.split(/\s+AND\s+/i).map((part) => {
    const match = /^\s*\(?\s*(\w+)\s*=\s*(?:'([^']*)'|(-?\w+))\s*\)?\s*$/.exec(part);
    const at = partitionKeys.findIndex(({ name }) => name === match?.[1]?.toLowerCase());
    if (!match || at === -1)
      throw new GlueFault(
        'InvalidInputException',
        `Expression: the local catalog does not know "${part}"; it takes key = value, joined by AND`,
      );
    return [at, match[2] ?? match[3]!];
  });
}

function toColumns(columns: readonly Column[]): GlueColumn[] {
  return columns.map(({ name, type, comment }) => ({
    Name: name,
    Type: type,
    ...(comment === undefined ? {} : { Comment: comment }),
  }));
}

function fromColumns(columns: readonly GlueColumn[] = []): Column[] {
  return columns.map(({ Name, Type = 'string', Comment }) => ({
    name: Name.toLowerCase(),
    type: Type,
    ...(Comment === undefined ? {} : { comment: Comment }),
  }));
}

function storageOf(table: Table, location: string): object {
  const { serde, input, output } = classesOf(table.format);
  return {
    Columns: toColumns(table.columns),
    Location: location,
    InputFormat: input,
    OutputFormat: output,
    SerdeInfo: { SerializationLibrary: serde, Parameters: table.serde },
  };
}

function toGlue(table: Table): object {
  return {
    DatabaseName: table.database,
    Name: table.name,
    TableType: table.view === undefined ? 'EXTERNAL_TABLE' : 'VIRTUAL_VIEW',
    Parameters: table.properties,
    PartitionKeys: toColumns(table.partitionKeys),
    StorageDescriptor: storageOf(table, table.location),
    ...(table.comment === undefined ? {} : { Description: table.comment }),
    ...(table.view === undefined ? {} : { ViewOriginalText: table.view }),
  };
}

function fromGlue(
  database: string,
  {
    Name,
    Description,
    TableType,
    Parameters = {},
    PartitionKeys,
    StorageDescriptor,
    ViewOriginalText,
  }: GlueTable,
): Table {
  const isView = TableType === 'VIRTUAL_VIEW';
  const { Columns, Location, SerdeInfo } = StorageDescriptor ?? {};
  return {
    database: database.toLowerCase(),
    name: required(Name, 'TableInput.Name').toLowerCase(),
    format:
      isView || isIceberg({ properties: Parameters })
        ? 'parquet'
        : formatOf(
            required(SerdeInfo?.SerializationLibrary, 'StorageDescriptor.SerdeInfo.SerializationLibrary'),
          ),
    location: isView
      ? ''
      : joinFolder(required(Location, 'StorageDescriptor.Location').replace(/^s3[an]:/, 's3:')),
    columns: fromColumns(Columns),
    partitionKeys: fromColumns(PartitionKeys),
    partitions: [],
    serde: SerdeInfo?.Parameters ?? {},
    properties: Parameters,
    ...(Description === undefined ? {} : { comment: Description }),
    ...(isView ? { view: required(ViewOriginalText, 'TableInput.ViewOriginalText') } : {}),
  };
}

function partitionToGlue(table: Table, { values, location }: Partition): object {
  return {
    DatabaseName: table.database,
    TableName: table.name,
    Values: values,
    StorageDescriptor: storageOf(table, location),
  };
}

function partitionFromGlue(
  { partitionKeys, name }: Table,
  { Values = [], StorageDescriptor }: GluePartition,
): Partition {
  if (Values.length !== partitionKeys.length)
    throw new GlueFault(
      'InvalidInputException',
      `${name}: the number of partition keys do not match the number of partition values`,
    );
  return {
    values: Values,
    location: joinFolder(
      required(StorageDescriptor?.Location, 'StorageDescriptor.Location').replace(/^s3[an]:/, 's3:'),
    ),
  };
}
