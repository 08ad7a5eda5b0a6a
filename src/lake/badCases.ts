import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { S3Client } from '@aws-sdk/client-s3';
import { publishOutput, removeOutput } from './lakeFiles';

/** A row of which none could be made, or a text of which no value could; `docs/data.md`. */
export interface BadCase {
  file: string;
  /** From 1. */
  line: number;
  /** The column of a value that could not be read; null for a whole row. */
  column: string | null;
  text: string;
  reason: string;
}

/** The name of the file in `<output>-rejected/`. */
const CASES = 'part-00000.jsonl';

/** Puts the cases beside an output (a folder or an object), one JSON object a line; without any, those of an earlier run go. */
export async function publishCases(
  s3: S3Client,
  cases: readonly BadCase[],
  output: string,
  signal: AbortSignal,
): Promise<void> {
  const location = `${output.replace(/\/+$/, '')}-rejected/`;
  if (cases.length === 0) return removeOutput(s3, location, CASES);
  const folder = await mkdtemp(join(tmpdir(), 'sluice-cases-'));
  try {
    const file = join(folder, CASES);
    await writeFile(file, cases.map((found) => `${JSON.stringify(found)}\n`).join(''));
    await publishOutput(s3, file, location, CASES, signal);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
