import {
  BatchGetCrawlersCommand,
  ListCrawlsCommand,
  StartCrawlerCommand,
  StopCrawlerCommand,
  type BatchGetCrawlersCommandOutput,
  type Crawler,
  type CrawlerHistory,
  type GlueClient,
  type ListCrawlsCommandInput,
  type ListCrawlsCommandOutput,
} from '@aws-sdk/client-glue';
import { SluiceError } from '../../errors';
import type { JobReference } from '../../jobs';
import { SharedPoller } from '../../services/polling';
import { consoleUrl, logStreamUrl, measuresOf } from '../awsService';
import { succeeded } from '../references';
import type { JobState, Runner, SubmissionOf } from '../runner';

type Crawl = SubmissionOf<'glue:startCrawler'>;

/** The verbs of AWS Glue's crawlers in use. */
export interface CrawlerPort {
  startCrawler(input: { Name: string }): Promise<unknown>;
  stopCrawler(input: { Name: string }): Promise<unknown>;
  batchGetCrawlers(input: { CrawlerNames: string[] }): Promise<BatchGetCrawlersCommandOutput>;
  /** One page, newest first. */
  listCrawls(input: ListCrawlsCommandInput): Promise<ListCrawlsCommandOutput>;
  region(): Promise<string>;
}

export function createCrawlerPort(client: GlueClient): CrawlerPort {
  return {
    startCrawler: (input) => client.send(new StartCrawlerCommand(input)),
    stopCrawler: (input) => client.send(new StopCrawlerCommand(input)),
    batchGetCrawlers: (input) => client.send(new BatchGetCrawlersCommand(input)),
    listCrawls: (input) => client.send(new ListCrawlsCommand(input)),
    region: () => client.config.region(),
  };
}

/** How many names BatchGetCrawlers takes. */
const BATCH = 100;
/** The most crawls that a page of ListCrawls holds. */
const PAGE = 100;
const ENDED = ['SUCCEEDED', 'CANCELLED', 'FAILED'];

/**
 * `glue:startCrawler`. StartCrawler takes no token and answers no id, and a crawler runs once at a time. So a crawl is
 * known by its time: it is the crawler's first that began after `details.after`, which is when the crawl before it had
 * begun. It is
 * - running, while the crawler runs and its last crawl is still the one before; also when it is READY and shows no crawl yet;
 * - ended, as soon as the last crawl is a later one.
 * A crawler that runs already is somebody else's run: it is waited for, and never taken for this one.
 * https://docs.aws.amazon.com/glue/latest/dg/aws-glue-api-crawler-crawling.html
 */
export class GlueCrawlerRunner implements Runner<'glue:startCrawler'> {
  private readonly poller: SharedPoller<Crawler>;

  /** @param gapMs the pause between two polls, for up to 100 crawlers together */
  constructor(
    private readonly glue: CrawlerPort,
    gapMs = 1000,
  ) {
    this.poller = new SharedPoller({
      service: 'glue',
      size: BATCH,
      gapMs,
      describe: async (CrawlerNames) => {
        const { Crawlers } = await this.glue.batchGetCrawlers({ CrawlerNames });
        return new Map((Crawlers ?? []).map((crawler) => [crawler.Name!, crawler]));
      },
    });
  }

  async submit({ job, key }: Crawl): Promise<JobReference> {
    const Name = job.parameters.Name!;
    const before = await this.read(Name);
    // A crawl that runs now and ended before the start would be taken for ours.
    if (before.State !== 'READY')
      throw new SluiceError('NoCapacity', `Glue crawler ${Name} is ${before.State}: somebody else's crawl`);
    const after = before.LastCrawl?.StartTime ?? new Date(0);
    await this.glue.startCrawler({ Name });
    const crawl = await this.findCrawl(Name, after.getTime() + 1);
    return this.reference(Name, key, { after, startedAt: crawl?.StartTime ?? new Date() });
  }

  /** The first crawl that began at `since` or later. Glue may tell whole seconds. */
  async find({ job, key }: Crawl, since: Date): Promise<JobReference | null> {
    const Name = job.parameters.Name!;
    const sinceMs = Math.floor(since.getTime() / 1000) * 1000;
    const startedAt =
      (await this.findCrawl(Name, sinceMs))?.StartTime ?? latestStart(await this.read(Name), sinceMs);
    return startedAt === null
      ? null
      : this.reference(Name, key, { after: new Date(startedAt.getTime() - 1), startedAt });
  }

  async poll({ job }: Crawl, reference: JobReference, signal: AbortSignal): Promise<JobState> {
    const Name = job.parameters.Name!;
    const afterMs = Date.parse(reference.details!['after']!);
    const crawler = await this.poller.get(Name, signal);
    if (!crawler) return { state: 'lost', message: `Glue no longer has a crawler ${Name}: it was deleted` };
    const last = crawler.LastCrawl;
    const lastStatus = toLastCrawlStatus(last?.Status);
    if (!last?.StartTime || last.StartTime.getTime() <= afterMs || !ENDED.includes(lastStatus))
      return { state: 'running', nativeState: crawler.State ?? 'unknown' };
    const crawl = await this.findCrawl(Name, afterMs + 1);
    const told = toLastCrawlStatus(crawl?.State);
    const status = ENDED.includes(told) ? told : lastStatus;
    const logUrl = await this.logUrl(Name, crawl ?? last);
    const reason = crawl?.ErrorMessage ?? last.ErrorMessage;
    const message = `The crawl of ${Name} is ${status}${reason ? `: ${reason}` : ''}\nLog: ${logUrl}`;
    if (status === 'FAILED') return { state: 'failed', message };
    if (status === 'CANCELLED') return { state: 'stopped', message };
    return succeeded(reference, {
      logUrl,
      durationMs: (crawl?.EndTime ?? new Date()).getTime() - (crawl?.StartTime ?? last.StartTime).getTime(),
      measures: measuresOf({ DPUHour: crawl?.DPUHour }),
      // The tables and partitions that were added, updated or deleted, as Glue words it.
      ...(crawl?.Summary === undefined ? {} : { payload: { Summary: crawl.Summary } }),
    });
  }

  async stop({ job }: Crawl): Promise<void> {
    try {
      await this.glue.stopCrawler({ Name: job.parameters.Name! });
    } catch (error) {
      const { name } = error as Error;
      if (name !== 'CrawlerNotRunningException' && name !== 'CrawlerStoppingException') throw error;
    }
  }

  private async read(name: string): Promise<Crawler> {
    const { Crawlers } = await this.glue.batchGetCrawlers({ CrawlerNames: [name] });
    if (Crawlers?.[0]) return Crawlers[0];
    throw new SluiceError('InvalidJob', `Glue has no crawler ${name}; create it, or mend Name`);
  }

  /**
   * The first crawl in the crawler's history that began at `sinceMs` or later. Null when the history does not tell: what it
   * knows besides is worth less than the job.
   */
  private async findCrawl(CrawlerName: string, sinceMs: number): Promise<CrawlerHistory | null> {
    const crawls: CrawlerHistory[] = [];
    let NextToken: string | undefined;
    try {
      do {
        const page = await this.glue.listCrawls({
          CrawlerName,
          MaxResults: PAGE,
          Filters: [{ FieldName: 'START_TIME', FilterOperator: 'GE', FieldValue: String(sinceMs) }],
          NextToken,
        });
        crawls.push(...(page.Crawls ?? []));
        NextToken = page.NextToken;
      } while (NextToken);
    } catch {
      return null;
    }
    const startOf = ({ StartTime }: CrawlerHistory) => StartTime?.getTime() ?? 0;
    return (
      crawls.filter((crawl) => startOf(crawl) >= sinceMs).sort((a, b) => startOf(a) - startOf(b))[0] ?? null
    );
  }

  private async reference(
    name: string,
    key: string,
    { after, startedAt }: { after: Date; startedAt: Date },
  ): Promise<JobReference> {
    const page = `/v2/data-catalog/crawlers/view/${encodeURIComponent(name)}`;
    return {
      resource: 'glue:startCrawler',
      externalId: `${name} ${startedAt.toISOString()}`,
      key,
      url: consoleUrl(await this.glue.region(), 'glue/home', page),
      submittedAt: startedAt.toISOString(),
      details: { after: after.toISOString() },
    };
  }

  private async logUrl(
    name: string,
    { LogGroup, LogStream }: Pick<CrawlerHistory, 'LogGroup' | 'LogStream'>,
  ): Promise<string> {
    return logStreamUrl(await this.glue.region(), LogGroup ?? '/aws-glue/crawlers', LogStream ?? name);
  }
}

/** The history of crawls has words of its own for how a crawl ended. */
function toLastCrawlStatus(state: string | undefined): string {
  if (state === 'COMPLETED') return 'SUCCEEDED';
  return state === 'STOPPED' ? 'CANCELLED' : (state ?? 'unknown');
}

/** When the crawler's latest crawl began, if that was at `sinceMs` or later. */
function latestStart({ State, LastCrawl, CrawlElapsedTime }: Crawler, sinceMs: number): Date | null {
  const last = LastCrawl?.StartTime;
  if (last && last.getTime() >= sinceMs) return last;
  const runsSinceMs = State === 'READY' ? 0 : Date.now() - (CrawlElapsedTime ?? Number.POSITIVE_INFINITY);
  return runsSinceMs >= sinceMs && runsSinceMs > 0 ? new Date(runsSinceMs) : null;
}
