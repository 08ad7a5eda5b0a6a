import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  defineTask,
  field,
  joinLocation,
  runQuery,
  stageInput,
  type RowAccount,
  type TaskContext,
  type TaskResult,
} from 'sluice';
import { putText } from '../objects';
import { judgeSite } from '../reads/judgeSite';
import { ReadsFile, type SiteView } from '../reads/readsFile';
import {
  pictureOf,
  titleOf,
  type SampleBases,
  type Site,
  type SiteReads,
  type Variant,
} from '../reads/sites';
import type { SampleReads } from './checkTrio';

/** Unless sites are asked for: the first so many de novo variants, and this one of the published notebook. */
const FIRST_SITES = 10;
const KNOWN_ID = 'rs201316886';
/** More sites are no views for people. */
const MAX_SITES = 200;
/** Only what reads at one place can show: no symbolic alleles, no breakends. */
const BASES_ONLY = "regexp_full_match(ref || alt, '[ACGTN]+')";

/**
 * `view-sites`: what the reads of the three have at de novo sites, as `sites.json` with a verdict each, and the reads
 * themselves as `_views.json`, of which pictures are drawn.
 */
export const viewSites = defineTask(
  {
    name: 'view-sites',
    about: 'Counts the bases that the reads of a trio have at de novo sites, and judges the sites.',
    input: {
      reads: field.value((value): value is SampleReads[] => Array.isArray(value), {
        needs: "a list of the samples' reads, the child's first, as check-trio tells them",
      }),
      denovo: field.object(),
      childAlt: field.object(),
      sites: field.texts({ default: [] }),
      window: field.integer({ default: 25 }),
      minReads: field.integer({ least: 1, default: 8 }),
      output: field.folder(),
    },
  },
  (input, context) => view(input, context),
);

interface Input {
  reads: SampleReads[];
  denovo: string;
  childAlt: string;
  sites: string[];
  window: number;
  minReads: number;
  output: string;
}

async function view(input: Input, context: TaskContext): Promise<TaskResult> {
  const { reads, minReads, window, output } = input;
  const { s3, signal, report } = context;
  const folder = await mkdtemp(join(tmpdir(), 'sluice-sites-'));
  try {
    const { variants, account } = await chooseVariants(input, context, folder);
    const views: SiteView[][] = [];
    for (const { sample, object, index, contig } of reads) {
      report({ sample, sites: variants.length });
      const own = await mkdtemp(join(folder, 'reads-'));
      views.push(
        await new ReadsFile(object, index, { ...context, folder: own }).view(contig, variants, window),
      );
    }
    const sites: Site[] = [];
    const shown: SiteReads[] = [];
    for (const [i, variant] of variants.entries()) {
      const picture = pictureOf(
        variant,
        sites.map((site) => site.picture),
      );
      const seen = reads.map(({ sample }, j) => ({ sample, view: views[j]![i]! }));
      const [child, ...parents] = seen.map(({ sample, view: { depth, alternative } }) => ({
        sample,
        depth,
        alternative,
      }));
      const judged = judgeSite(child!, parents, minReads);
      const samples = Object.fromEntries(seen.map(({ sample, view: found }) => [sample, basesOf(found)]));
      sites.push({ ...variant, samples, ...judged, picture });
      const samplesReads = seen.map(({ sample, view: found }) => ({ sample, reads: found.reads }));
      shown.push({ picture, title: titleOf(variant), pos: variant.pos, samples: samplesReads });
    }
    const contentType = 'application/json';
    await putText(s3, joinLocation(output, '_views.json'), {
      text: JSON.stringify(shown),
      contentType,
      signal,
    });
    const to = joinLocation(output, 'sites.json');
    await putText(s3, to, { text: `${JSON.stringify(sites, null, 2)}\n`, contentType, signal });
    const confirmed = sites.filter(({ verdict }) => verdict === 'confirmed').length;
    const { read, rejected, unread } = account;
    const rows = { rowsRead: read, rowsRejected: rejected, valuesUnread: unread, rowsWritten: sites.length };
    return { output: to, measures: { ...rows, sites: sites.length, confirmed } };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function basesOf({ depth, counts, deleted, alternative }: SiteView): SampleBases {
  const { A, C, G, T, N } = counts;
  return { depth, A, C, G, T, N, deleted, alt: alternative };
}

async function chooseVariants(
  { sites, denovo, childAlt, reads }: Input,
  { s3, signal }: TaskContext,
  folder: string,
): Promise<{ variants: Variant[]; account: RowAccount }> {
  const [staged] = await stageInput(s3, sites.length > 0 ? childAlt : denovo, folder, signal);
  const { path, uri } = staged!;
  const rows =
    "SELECT * FROM sluice_csv('variants', {chrom: 'VARCHAR', pos: 'BIGINT', ref: 'VARCHAR', alt: 'VARCHAR', id: 'VARCHAR'})";
  const query = (sql: string, wanted: string) =>
    runQuery({
      sql,
      // What this pipeline has written is read as a whole.
      variables: { variants: [path], wanted, maxBadShare: '0' },
      names: { [path]: uri },
      maxRows: MAX_SITES,
      tempFolder: folder,
      signal,
    });
  const order = 'ORDER BY chrom, pos, ref, alt';
  if (sites.length === 0) {
    const found = await query(
      `WITH variants AS (${rows}), first AS (SELECT * FROM variants WHERE ${BASES_ONLY} ${order} LIMIT ${FIRST_SITES})
       SELECT * FROM first UNION SELECT * FROM variants WHERE id = getvariable('wanted') ${order}`,
      KNOWN_ID,
    );
    return { variants: found.rows as unknown as Variant[], account: found.account };
  }
  const found = await query(
    `WITH variants AS (${rows}), wanted AS (SELECT unnest(string_split(getvariable('wanted'), ' ')) AS site)
     SELECT DISTINCT variants.* FROM variants JOIN wanted ON site = chrom || ':' || pos OR list_contains(string_split(id, ';'), site) ${order}`,
    sites.join(' '),
  );
  const variants = found.rows as unknown as Variant[];
  const [chrom] = [reads[0]!.contig];
  const bare = sites.flatMap((site) => {
    const [, contig = chrom, pos] = /^(.+):(\d+)$/.exec(site) ?? [];
    const isFound = variants.some((variant) => variant.chrom === contig && variant.pos === Number(pos));
    return pos === undefined || isFound
      ? []
      : [{ chrom: contig, pos: Number(pos), ref: null, alt: null, id: null }];
  });
  return { variants: [...variants, ...bare], account: found.account };
}
