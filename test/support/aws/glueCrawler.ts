import { ServiceFault, type ServiceDouble } from './double';

interface Crawl {
  CrawlId: string;
  StartTime: Date;
  EndTime?: Date;
  /** In the words of LastCrawl; `RUNNING` until it has ended. */
  status: string;
}

interface Crawler {
  State: string;
  crawls: Crawl[];
}

const ENDED = ['SUCCEEDED', 'CANCELLED', 'FAILED'];
const MESSAGE = 'the service says: no such column';
const HISTORY_STATES: Record<string, string> = {
  SUCCEEDED: 'COMPLETED',
  CANCELLED: 'STOPPED',
  FAILED: 'FAILED',
};
/** A page of ListCrawls: small, so that whoever reads only the first misses the rest. */
const PAGE = 2;

/** Glue's crawlers, each of which runs once at a time. */
export class GlueCrawlersDouble implements ServiceDouble {
  readonly service = 'glue';
  readonly crawlers: Map<string, Crawler>;

  constructor(names: readonly string[] = ['lake']) {
    this.crawlers = new Map(names.map((name) => [name, { State: 'READY', crawls: [] }]));
  }

  readonly handlers = {
    StartCrawler: ({ Name }: { Name: string }) => {
      this.begin(Name, new Date());
      return {};
    },
    StopCrawler: ({ Name }: { Name: string }) => {
      const crawler = this.crawlerOf(Name);
      if (crawler.State === 'READY')
        throw new ServiceFault('CrawlerNotRunningException', `${Name} is not running`);
      if (crawler.State === 'STOPPING')
        throw new ServiceFault('CrawlerStoppingException', `${Name} is stopping`);
      crawler.State = 'STOPPING';
      return {};
    },
    BatchGetCrawlers: ({ CrawlerNames }: { CrawlerNames: string[] }) => ({
      Crawlers: CrawlerNames.filter((name) => this.crawlers.has(name)).map((name) => this.seen(name)),
      CrawlersNotFound: CrawlerNames.filter((name) => !this.crawlers.has(name)),
    }),
    ListCrawls: ({ CrawlerName, Filters = [], NextToken }: ListCrawls) => {
      const { crawls } = this.crawlerOf(CrawlerName);
      const sinceMs = Number(Filters[0]?.FieldValue ?? 0);
      const newestFirst = crawls.filter(({ StartTime }) => StartTime.getTime() >= sinceMs).reverse();
      const at = Number(NextToken ?? 0);
      return {
        Crawls: newestFirst.slice(at, at + PAGE).map(({ CrawlId, StartTime, EndTime, status }) => ({
          ...{ CrawlId, StartTime, State: HISTORY_STATES[status] ?? 'RUNNING' },
          ...(EndTime ? { EndTime, DPUHour: 0.25 } : {}),
          ...(status === 'FAILED' ? { ErrorMessage: MESSAGE } : {}),
        })),
        ...(at + PAGE < newestFirst.length ? { NextToken: String(at + PAGE) } : {}),
      };
    },
  };

  readonly control = {
    started: () => this.all().length,
    running: () => this.all().filter(({ status }) => !ENDED.includes(status)).length,
    move: (state: string) => {
      const [name] = this.crawlers.keys();
      if (ENDED.includes(state)) this.end(name!, state);
      else this.crawlerOf(name!).State = state;
    },
    forget: () => this.crawlers.clear(),
  };

  /** A crawl of somebody else's, or of StartCrawler. */
  begin(name: string, StartTime: Date): void {
    const crawler = this.crawlerOf(name);
    if (crawler.State !== 'READY')
      throw new ServiceFault('CrawlerRunningException', `Crawler with name ${name} has already started`);
    crawler.State = 'RUNNING';
    crawler.crawls.push({ CrawlId: `crawl-${crawler.crawls.length}`, StartTime, status: 'RUNNING' });
  }

  end(name: string, status: string): void {
    const crawler = this.crawlerOf(name);
    crawler.State = 'READY';
    Object.assign(crawler.crawls.at(-1)!, { status, EndTime: new Date() });
  }

  /** A crawl that was asked to stop is seen stopping once before it has ended. */
  private seen(name: string): object {
    const { State, crawls } = this.crawlerOf(name);
    const last = crawls.findLast(({ status }) => ENDED.includes(status));
    const current = crawls.at(-1);
    if (State === 'STOPPING') this.end(name, 'CANCELLED');
    return {
      Name: name,
      State,
      ...(State === 'READY' || !current
        ? {}
        : { CrawlElapsedTime: Date.now() - current.StartTime.getTime() }),
      ...(last
        ? {
            LastCrawl: {
              ...{ Status: last.status, StartTime: last.StartTime },
              ...(last.status === 'FAILED' ? { ErrorMessage: MESSAGE } : {}),
            },
          }
        : {}),
    };
  }

  private all(): Crawl[] {
    return [...this.crawlers.values()].flatMap(({ crawls }) => crawls);
  }

  private crawlerOf(name: string): Crawler {
    const crawler = this.crawlers.get(name);
    if (!crawler) throw new ServiceFault('EntityNotFoundException', `Crawler ${name} not found`);
    return crawler;
  }
}

interface ListCrawls {
  CrawlerName: string;
  Filters?: { FieldValue: string }[];
  NextToken?: string;
}
