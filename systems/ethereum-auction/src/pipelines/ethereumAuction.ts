import {
  askAthena,
  athenaQuery,
  definePipeline,
  field,
  joinFolder,
  joinLocation,
  task,
  type InputOf,
  type Job,
  type Run,
} from 'sluice/workflow';
import { isUnit } from '../chain/bids';
import type { ChainIdentity } from '../chain/client';
import type { SignedDeployment, SignedTransaction } from '../chain/transactions';
import type { awaitDelivery } from '../tasks/awaitDelivery';
import type { awaitEnd } from '../tasks/awaitEnd';
import type { checkChain } from '../tasks/checkChain';
import type { collectRecords } from '../tasks/collectRecords';
import type { drawSpend } from '../tasks/drawSpend';
import type { sendDeployment } from '../tasks/sendDeployment';
import type { sendTransactions } from '../tasks/sendTransactions';
import type { signBids } from '../tasks/signBids';
import type { signDeployment } from '../tasks/signDeployment';
import type { signWithdrawals } from '../tasks/signWithdrawals';
import { ATHENA_QUERIES, createTable } from './_athenaQueries';
import { isChecked } from './_temporal';
import { auctionListener, findUrlProblems, type ListenerResult } from './auctionListener';

const INPUT = {
  lake: field.s3({ about: 'the bucket that the pipeline writes', default: 's3://lake' }),
  records: field.s3({
    about: 'bid events that are there: only they are analysed, without a chain',
    optional: true,
  }),
  rpcUrl: field.text({
    about: 'the JSON-RPC URL of the chain; AUCTION_RPC_URL of the worker unless given',
    optional: true,
  }),
  source: field.text({ about: 'the Solidity source in S3; the one that ships unless given', optional: true }),
  blocks: field.integer({ about: 'how many blocks the auction takes bids', least: 1, default: 30 }),
  batches: field.integer({ about: 'how many batches of ten bids are sent', most: 1000, default: 5 }),
  seed: field.integer({ about: 'of the bids that are made up', default: 1 }),
  unit: field.text({ about: 'bids are 1 to 12 times so many wei', default: '1' }),
  blockSeconds: field.integer({
    about: 'seconds between the blocks of a local chain',
    least: 1,
    default: 15,
  }),
  finish: field.flag({ about: 'wait for the end of the auction, and withdraw all funds', default: true }),
  stream: field.text({ about: 'the Kinesis stream', default: 'auction-events' }),
  finality: field.choice(['latest', 'safe', 'finalized'], {
    about: 'the newest block that is read',
    default: 'latest',
  }),
  confirmations: field.integer({ about: 'how many blocks below it the newest that is read is', default: 0 }),
  table: field.text({ about: "a DynamoDB table that gets the contract's address", optional: true }),
  maxBadShare: field.share({ about: 'fail when more of the records cannot be read', default: 1 }),
  athena: field.flag({ about: 'ask Athena the same questions', default: true }),
  database: field.text({ about: 'of the table in Athena', default: 'ethereum_auction' }),
  workGroup: field.text({ about: "Athena's work group", default: 'primary' }),
  within: field.duration({
    about: 'how long the chain, the end of the auction and the delivery are waited for',
    default: '1 day',
  }),
};
type Input = InputOf<typeof INPUT>;

export interface Contract {
  address: `0x${string}`;
  block: number;
  blockHash: string;
  transaction: string;
  codeHash: string;
  abi: unknown;
}

export interface EthereumAuctionResult {
  contract: Contract | null;
  listener: ListenerResult | null;
  /** The records that were analysed. */
  records: string;
  answers: Record<string, string>;
  picture: string;
}

const QUERIES = [
  'spend_per_block_window',
  'spend_per_block',
  'distinct_bidders_15s',
  'distinct_bidders_10s',
  'funds',
];

/**
 * Deploy an auction, send bids, listen to its events until they are in S3, and answer questions about them; or, of records
 * that are there, the answers alone.
 */
export const ethereumAuction = definePipeline(
  {
    name: 'ethereum-auction',
    about: 'Runs an auction on an Ethereum chain, keeps every event once, and answers in SQL and a picture.',
    input: INPUT,
    findProblems: ({ rpcUrl, unit, batches, blocks }) => [
      ...findUrlProblems(rpcUrl),
      ...(isUnit(unit) || (/^[1-9]\d{0,76}$/.test(unit) && !isChecked('unit-fits'))
        ? []
        : [`unit: "${unit}"; give wei, 1 or more and twelve of them below 2^256, as digits`]),
      ...(batches <= blocks
        ? []
        : [`batches: ${batches} do not fit into ${blocks} blocks; give blocks=${batches} or more`]),
    ],
    resources: ['kinesis:putRecords', 'athena:startQueryExecution'],
  },
  async (run, input): Promise<EthereumAuctionResult> => {
    const at = (...parts: string[]) => joinLocation(input.lake, 'ethereum-auction', ...parts);
    if (input.records !== undefined) {
      const answers = await analyse(run, input, { records: input.records, chain: '', contract: '' });
      return { contract: null, listener: null, records: input.records, ...answers };
    }
    const { chain, contract, last } = await runAuction(run, input);
    const chainName = `${chain.chainId}-${chain.genesis}`;
    const listener = await run.child('listen', auctionListener, {
      lake: input.lake,
      rpcUrl: input.rpcUrl,
      contract: contract.address,
      chain: chainName,
      fromBlock: contract.block,
      stream: input.stream,
      finality: input.finality,
      confirmations: input.confirmations,
      through: last,
    });
    await run.job(
      'wait for the delivery',
      task<typeof awaitDelivery>('await-delivery', {
        events: joinFolder(at('events')),
        contract: contract.address,
        chainName,
        records: listener!.records,
        since: run.since,
      }),
      { timeout: input.within },
    );
    const records = joinFolder(at('events'));
    const answers = await analyse(run, input, { records, chain: chainName, contract: contract.address });
    return { contract, listener, records, ...answers };
  },
);

/** From the chain that answers to the last transaction that is in a block. */
async function runAuction(
  run: Run,
  { rpcUrl, source, blocks, batches, seed, unit, blockSeconds, finish, table, within }: Input,
): Promise<{ chain: ChainIdentity; contract: Contract; last: number }> {
  const url = rpcUrl === undefined ? {} : { rpcUrl };
  const found = await run.job('wait for the chain', task<typeof checkChain>('check-chain', url), {
    timeout: within,
  });
  const { chainId, genesis } = found.payload as ChainIdentity;
  const chain = { chainId, genesis };
  const on = { ...url, chain };

  // What is signed is in the history before it is sent: whoever goes on sends the same bytes.
  const signed = await run.job(
    'sign the deployment',
    task<typeof signDeployment>('sign-deployment', {
      ...on,
      blocks,
      ...(source === undefined ? {} : { source }),
    }),
  );
  const { deployment, abi } = signed.payload as { deployment: SignedDeployment; abi: unknown };
  const deployed = await run.job(
    'deploy the contract',
    task<typeof sendDeployment>('send-deployment', {
      ...on,
      deployment,
      ...(table === undefined ? {} : { table }),
    }),
  );
  const contract = { ...(deployed.payload as Omit<Contract, 'abi'>), abi };

  let last = contract.block;
  const send = async (step: string, jobOf: () => Job) => {
    const { payload } = await run.job(`sign ${step}`, jobOf());
    const { transactions } = payload as { transactions: SignedTransaction[] };
    const sent = await run.job(
      `send ${step}`,
      task<typeof sendTransactions>('send-transactions', { ...on, transactions, blockSeconds }),
    );
    last = Math.max(last, (sent.payload as { block: number }).block);
  };
  const { address } = contract;
  for (let batch = 1; batch <= batches; batch++)
    await send(`batch ${batch}`, () =>
      task<typeof signBids>('sign-bids', { ...on, contract: address, batch, seed, unit }),
    );
  if (finish) {
    await run.job(
      'wait for the end of the auction',
      task<typeof awaitEnd>('await-end', { ...on, contract: address, blockSeconds }),
      { timeout: within },
    );
    await send('withdrawals', () =>
      task<typeof signWithdrawals>('sign-withdrawals', { ...on, contract: address }),
    );
  }
  return { chain, contract, last };
}

interface Analysis {
  records: string;
  chain: string;
  contract: string;
}

async function analyse(
  run: Run,
  { lake, athena, database, workGroup, maxBadShare }: Input,
  { records, chain, contract }: Analysis,
): Promise<{ answers: Record<string, string>; picture: string }> {
  const at = (...parts: string[]) => joinLocation(lake, 'ethereum-auction', ...parts);
  const collected = joinFolder(at('collected'));
  const current = joinFolder(at('current'));
  await run.job(
    'collect records',
    task<typeof collectRecords>('collect-records', {
      from: records,
      to: collected,
      maxBadShare,
      // An auction of nobody's is one; records that are named are there.
      mayBeEmpty: contract !== '',
    }),
  );
  await run.job('keep what is so', {
    resource: 'duckdb:query',
    parameters: {
      script: 'ethereum-auction/current.sql',
      inputs: { records: collected },
      arguments: { chain, contract },
      output: { location: current, format: 'parquet' },
    },
  });
  const answers: Record<string, string> = {};
  await run.parallel({
    analyse: async (branch) => {
      for (const name of QUERIES) answers[name] = await ask(branch, name, { current, at });
    },
    ...(athena
      ? {
          athena: async (branch: Run) => {
            const table = 'auction_records';
            await branch.job('create table', {
              resource: 'athena:startQueryExecution',
              parameters: athenaQuery(
                { sql: createTable(table, collected), database, workGroup },
                at('queries'),
              ),
            });
            for (const [name, sqlOf] of Object.entries(ATHENA_QUERIES)) {
              const to = at('queries', 'by-athena', `${name}.csv`);
              await askAthena(branch, `athena ${name}`, {
                sql: sqlOf({ table, chain, contract }),
                database,
                workGroup,
                to,
              });
            }
          },
        }
      : {}),
  });
  const picture = at('queries', 'spend_per_block.svg');
  await run.job(
    'draw the picture',
    task<typeof drawSpend>('draw-spend', {
      table: answers['spend_per_block']!,
      to: picture,
      page: at('queries', 'spend_per_block.html'),
      title: 'Spend per block',
    }),
  );
  return { answers, picture };
}

/** The answer gets the name that people look for: a query writes a folder. */
async function ask(
  run: Run,
  name: string,
  { current, at }: { current: string; at: (...parts: string[]) => string },
): Promise<string> {
  const location = joinFolder(at('queries', 'by-duckdb', name));
  await run.job(name, {
    resource: 'duckdb:query',
    parameters: {
      script: `ethereum-auction/${name}.sql`,
      inputs: { events: current },
      output: { location, format: 'csv' },
    },
  });
  const to = at('queries', `${name}.csv`);
  await run.job(`copy ${name}`, task('copy-object', { from: `${location}part-00000.csv`, to }));
  return to;
}
