/**
 * `npm run bench -- bounds`: what stays small however much there is.
 *
 * - patterns: a page of 1,000 objects against 10,000 patterns, in their worst shape, and any key against any pattern;
 * - hanging: from an arrival at the webhook to the end of a run that waits for it, while the listing of its source hangs.
 */
import { ListObjectsV2Command, type S3Client } from '@aws-sdk/client-s3';
import type { Client } from '@temporalio/client';
import { createAcceptArrivals } from '../src/arrivals/acceptArrivals';
import { matchesPattern, PatternIndex } from '../src/pipelines/patterns';
import { SHIPPED_PIPELINES } from '../src/workflows/shipped';
import { arrival, median } from './measure';
import { bench, config } from './stack';

const PATTERNS = 10_000;
const OBJECTS = 1_000;
const TIMES = 20;
const RUNS = 20;

const padded = (i: number) => String(i).padStart(5, '0');
const SHAPES: [string, (i: number) => string, (i: number) => string][] = [
  ['folders of their own', (i) => `shop-${padded(i)}/*.csv`, (i) => `shop-${padded(i)}/day.csv`],
  ['one folder, endings of their own', (i) => `in/*-${padded(i)}.csv`, (i) => `in/day-${padded(i)}.csv`],
  ['texts in their middle', (i) => `in/*-${padded(i)}-*/data.csv`, (i) => `in/x-${padded(i)}-y/data.csv`],
  ['no wildcards', (i) => `in/${padded(i)}.csv`, (i) => `in/${padded(i)}.csv`],
];
const HOSTILE: [string, string][] = [
  ['*-*-*-*-*.csv', '-'.repeat(1_024)],
  ['*a*a*a*a*a*a*a*a*b', 'a'.repeat(1_024)],
  ['**/**/**/**/**/x', 'a/'.repeat(512)],
  ['?*'.repeat(512), 'a'.repeat(1_024)],
  ['**a'.repeat(341), 'a'.repeat(1_023)],
];

function times(work: () => void): number[] {
  return Array.from({ length: TIMES }, () => {
    const startedAt = performance.now();
    work();
    return performance.now() - startedAt;
  });
}

function measurePatterns(): void {
  for (const [shape, pattern, key] of SHAPES) {
    const index = new PatternIndex(
      Array.from({ length: PATTERNS }, (_, i) => [`s3://lake/${pattern(i)}`, i] as const),
    );
    const objects = Array.from({ length: OBJECTS }, (_, i) => ({ bucket: 'lake', key: key(i * 10) }));
    const took = times(() => objects.forEach((object) => index.find(object)));
    console.log(
      `patterns: ${OBJECTS} objects against ${PATTERNS} (${shape}): median ${median(took).toFixed(1)} ms, worst ${Math.max(...took).toFixed(1)} ms`,
    );
  }
  for (const [pattern, key] of HOSTILE) {
    const took = times(() => matchesPattern(`s3://lake/${pattern}`, { bucket: 'lake', key }));
    const shown = pattern.length > 20 ? `${pattern.slice(0, 20)}…` : pattern;
    console.log(
      `patterns: ${shown} against a key of ${key.length}: median ${median(took).toFixed(3)} ms, worst ${Math.max(...took).toFixed(3)} ms`,
    );
  }
}

/** A client whose listings do not answer until `released`; the bucket is there. */
function hanging(s3: S3Client, released: Promise<void>, onList: (prefix: string) => void): S3Client {
  return new Proxy(s3, {
    get(target, name) {
      if (name !== 'send') return Reflect.get(target, name) as unknown;
      return (command: unknown, ...rest: unknown[]) => {
        if (!(command instanceof ListObjectsV2Command))
          return (target.send as (...args: unknown[]) => unknown)(command, ...rest);
        onList(command.input.Prefix ?? '');
        return released.then(() => ({}));
      };
    },
  });
}

async function measureHanging(client: Client, listed: Set<string>): Promise<void> {
  const accept = createAcceptArrivals(client, { ...config, pipelines: SHIPPED_PIPELINES });
  const took: number[] = [];
  for (let i = 0; i < RUNS; i++) {
    const run = await client.workflow.start('waiting', {
      ...{ taskQueue: 'bench', workflowId: `hanging-${i}` },
      args: [`hanging-${i}`],
    });
    while (!listed.has(`hanging-${i}/`)) await new Promise((resolve) => setTimeout(resolve, 5));
    const startedAt = performance.now();
    await accept([arrival(`hanging-${i}/one.csv`)]);
    await run.result();
    took.push(performance.now() - startedAt);
  }
  console.log(
    `hanging: ${RUNS} arrivals while their listing hangs: median ${median(took).toFixed(0)} ms, worst ${Math.max(...took).toFixed(0)} ms to the end of the run`,
  );
}

bench(async ({ client, startS3, withWorker }) => {
  measurePatterns();
  const listed = new Set<string>();
  let release!: () => void;
  const released = new Promise<void>((resolve) => (release = resolve));
  const s3 = hanging(await startS3(), released, (prefix) => void listed.add(prefix));
  await withWorker({ s3, searchAttributes: false }, {}, () =>
    measureHanging(client, listed).finally(release),
  );
});
