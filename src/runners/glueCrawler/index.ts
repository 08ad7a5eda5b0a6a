import { createRequire } from 'node:module';
import type * as Sdk from '@aws-sdk/client-glue';
import { AWS_CLIENT, PROBED_NAME } from '../awsClient';
import { defineRunner } from '../defineRunner';
import { sdkSchema } from '../sdkSchema';
import type * as Local from '../../engines';
import type * as Implementation from './runner';

declare module '../../jobs' {
  interface JobParameters {
    'glue:startCrawler': Sdk.StartCrawlerCommandInput;
  }
}

const load = createRequire(__filename);
const sdk = () => load('@aws-sdk/client-glue') as typeof Sdk;
const implementation = () => load('./runner') as typeof Implementation;

export const glueStartCrawler = defineRunner({
  resource: 'glue:startCrawler',
  parameters: sdkSchema(() => sdk().StartCrawlerRequest$),
  policy: 'docs/iam/glue-startCrawler.json',
  probe: (settings) =>
    new (sdk().GlueClient)(settings).send(
      new (sdk().BatchGetCrawlersCommand)({ CrawlerNames: [PROBED_NAME] }),
    ),
  create(context) {
    const { config } = context;
    if (config.engines === 'local')
      return (load('../../engines') as typeof Local).createLocalCrawler(context);
    const { createCrawlerPort, GlueCrawlerRunner } = implementation();
    return new GlueCrawlerRunner(createCrawlerPort(new (sdk().GlueClient)(AWS_CLIENT)), config.pollMinMs);
  },
});
