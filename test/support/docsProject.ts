import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

const docs = join(__dirname, '..', '..', 'docs');

/** Writes the files that a page of the docs shows into a folder: each block whose first line is the path of a file. */
export async function writeExamples(page: string, folder: string): Promise<void> {
  const text = await readFile(join(docs, page), 'utf8');
  const examples = [...text.matchAll(/^```ts\n\/\/ (\S+)\n([\s\S]*?)^```$/gm)];
  if (examples.length === 0) throw new Error(`${page} shows no file`);
  for (const [, path, code] of examples) {
    const file = join(folder, path!);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, code!);
  }
}
