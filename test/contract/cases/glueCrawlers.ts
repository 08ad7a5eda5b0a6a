import { GlueClient } from '@aws-sdk/client-glue';
import { createCrawlerPort, GlueCrawlerRunner } from '../../../src/runners/glueCrawler/runner';
import { GlueCrawlersDouble } from '../../support/aws/glueCrawler';
import type { ContractCase } from '../contractCase';

export const glueCrawlers: ContractCase = {
  job: { resource: 'glue:startCrawler', parameters: { Name: 'lake' } },
  createDouble() {
    const double = new GlueCrawlersDouble();
    return { double, control: double.control };
  },
  createRunner: (settings, gapMs) =>
    new GlueCrawlerRunner(createCrawlerPort(new GlueClient(settings)), gapMs),
  submit: 'StartCrawler',
  poll: 'BatchGetCrawlers',
  states: {
    unknown: 'A_STATE_OF_TOMORROW',
    running: ['RUNNING', 'STOPPING'],
    succeeded: 'SUCCEEDED',
    failed: ['FAILED'],
    stopped: 'CANCELLED',
  },
  stoppable: true,
  full: { type: 'CrawlerRunningException', message: 'Crawler with name lake has already started' },
};
