import { SluiceError } from '../errors';

/** How many rows a result carries at most, and how many bytes of JSON: it travels through Temporal. */
const MAX_ROWS = 1000;
export const MAX_ROW_BYTES = 256 * 1024;

/** An error of an AWS service; `Reason` is what some of them say besides. */
export type Refusal = Error & { Reason?: string };

/** Waits for a call; a refusal that means that the service is full is told as `NoCapacity`. */
export async function withCapacity<T>(call: Promise<T>, isFull: (refusal: Refusal) => boolean): Promise<T> {
  try {
    return await call;
  } catch (error) {
    if (!(error instanceof Error) || !isFull(error)) throw error;
    throw new SluiceError('NoCapacity', `${error.name}: ${error.message}`, { cause: error });
  }
}

/** Waits for a call; a refusal that means that the service does not know the job is an answer: undefined. */
export async function orUnknown<T>(
  call: Promise<T>,
  isUnknown: (refusal: Refusal) => boolean,
): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof Error && isUnknown(error)) return undefined;
    throw error;
  }
}

/** The numbers among a service's own measures; a negative one means "not known". */
export function measuresOf(from: object | undefined): Record<string, number> {
  const entries = Object.entries(from ?? {}) as [string, unknown][];
  return Object.fromEntries(
    entries.filter((entry): entry is [string, number] => typeof entry[1] === 'number' && entry[1] >= 0),
  );
}

export type Row = Record<string, unknown>;

/** Takes rows, page by page, until there are as many as asked for, or as many bytes as a result may carry. */
export async function takeRows(pages: AsyncIterable<Row[]>, maxRows: number): Promise<Row[]> {
  const taken: Row[] = [];
  let bytes = 0;
  for await (const rows of pages) {
    for (const row of rows) {
      bytes += Buffer.byteLength(JSON.stringify(row));
      if (bytes > MAX_ROW_BYTES) return taken;
      taken.push(row);
      if (taken.length === Math.min(maxRows, MAX_ROWS)) return taken;
    }
  }
  return taken;
}

/** A row by column names; of columns with the same name, the second is called `name_2`. */
export function toRow(names: readonly string[], values: readonly unknown[]): Row {
  const row: Row = {};
  names.forEach((name, i) => {
    let unique = name;
    for (let n = 2; Object.hasOwn(row, unique); n++) unique = `${name}_${n}`;
    row[unique] = values[i] ?? null;
  });
  return row;
}

/** A page of the AWS console in a region, e.g. `athena/home`. */
export function consoleUrl(region: string, page: string, fragment: string): string {
  return `https://${region}.console.aws.amazon.com/${page}?region=${region}#${fragment}`;
}

/** The page of a log stream in CloudWatch. */
export function logStreamUrl(region: string, group: string, stream: string): string {
  const [logGroup, logStream] = [encodeURIComponent(group), encodeURIComponent(stream)];
  return consoleUrl(region, 'cloudwatch/home', `logEventViewer:group=${logGroup};stream=${logStream}`);
}
