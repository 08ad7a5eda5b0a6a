/** Copies of outputs that are put back, over a real S3 gateway. */
import { DeleteObjectCommand, GetObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { copyObject } from '../../../src/lake/copyObject';
import { dropKeptOutput, keepOutput, putBackOutput } from '../../../src/lake/keptOutput';
import { listKeys } from '../../../src/lake/lakeFiles';
import { startTestS3 } from '../../support/s3';

const { signal } = new AbortController();
let lake: Awaited<ReturnType<typeof startTestS3>>;
let s3: S3Client;

beforeAll(async () => {
  lake = await startTestS3();
  s3 = lake.s3;
}, 300_000);

afterAll(() => lake?.stop());

const put = (Key: string, Body = Key) => s3.send(new PutObjectCommand({ Bucket: 'lake', Key, Body }));
const remove = (Key: string) => s3.send(new DeleteObjectCommand({ Bucket: 'lake', Key }));
const read = async (Key: string) =>
  (await s3.send(new GetObjectCommand({ Bucket: 'lake', Key }))).Body!.transformToString();

/** Every object below a folder, with its text. */
async function contentsOf(prefix: string): Promise<Record<string, string>> {
  const contents: Record<string, string> = {};
  for (const key of (await listKeys(s3, 'lake', prefix)).sort()) contents[key] = await read(key);
  return contents;
}

let folders = 0;
function folder() {
  const prefix = `kept ${++folders} %/`;
  const at = { output: `s3://lake/${prefix}out/`, copy: `s3://lake/${prefix}_out.before/r1/` };
  return { prefix, at, out: `${prefix}out/`, list: `${prefix}_out.sluice.json` };
}

test.each([0, 1, 20])(
  'an output of %i parts is put back as it was, whatever was published since',
  async (parts) => {
    const { prefix, at, out, list } = folder();
    const names = Array.from({ length: parts }, (_, i) => `part-${String(i).padStart(5, '0')}-a.parquet`);
    for (const name of [...names, ...(parts > 0 ? ['day=1/part-00000 ü.csv', '_SUCCESS'] : [])])
      await put(out + name, name);
    if (parts > 0) await put(list, '{"published":["report.csv"]}');
    const before = await contentsOf(prefix);
    await keepOutput(s3, at, signal);
    for (const name of ['part-00000-b.parquet', 'part-00000-a.parquet', 'report.csv', '_SUCCESS'])
      await put(out + name, 'new');
    if (parts > 0) await remove(`${out}part-00000-a.parquet`);
    await put(list, '{"published":["report.csv"]}');
    // An attempt that dies is made good by the next one, so it does the same again.
    for (let attempt = 1; attempt <= 2; attempt++) await putBackOutput(s3, at, signal);
    await dropKeptOutput(s3, at.copy, signal);
    expect(await contentsOf(prefix)).toEqual(before);
  },
);

test('what came into the folder and was published by no job stays', async () => {
  const { at, out } = folder();
  await put(`${out}part-00000.csv`);
  await keepOutput(s3, at, signal);
  await put(`${out}notes.txt`, 'mine');
  await putBackOutput(s3, at, signal);
  expect(Object.keys(await contentsOf(out))).toEqual([`${out}notes.txt`, `${out}part-00000.csv`]);
});

test('a copy that was not finished is not put back', async () => {
  const { at, out } = folder();
  await put(`${out}part-00000.csv`);
  await keepOutput(s3, at, signal);
  await remove(`${at.copy.slice('s3://lake/'.length)}_KEPT.json`);
  await put(`${out}part-00000.csv`, 'new');
  await expect(putBackOutput(s3, at, signal)).rejects.toMatchObject({ code: 'ObjectGone' });
  expect(await read(`${out}part-00000.csv`)).toBe('new');
});

test('an object that is too large for one call is copied in parts', async () => {
  const MIB = 1024 * 1024;
  const text = Array.from({ length: 11 }, (_, i) => String.fromCharCode(97 + i).repeat(MIB)).join('');
  await put('large', text);
  const [from, to] = [
    { bucket: 'lake', key: 'large' },
    { bucket: 'lake', key: 'copy of it' },
  ];
  await copyObject(s3, { from, to, bytes: text.length }, { signal, partBytes: 5 * MIB });
  expect((await read('copy of it')) === text).toBe(true);
});
