/**
 * The local stack's chain by geth: `geth PORT DIR PROGRAM [PERIOD]`, a block every PERIOD seconds (1), or with 0 for whatever is
 * sent. Its development chain knows one account with funds, whose key everybody knows; from that, the development accounts are
 * funded before it counts as ready.
 */
import { spawn } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';
import { parseEther } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { connectChain } from '../src/chain/client';
import { readAccounts } from '../src/chain/keys';
import { awaitTransactions, sendTransactions, signCalls } from '../src/chain/transactions';

/** `DeveloperKey` of go-ethereum's core/genesis.go. */
const DEVELOPER = privateKeyToAccount('0xb71c71a67e1177ad4e901695e1b4b9ee17ae16c6668d313eac2f96dbcda3f291');
const FUNDS = parseEther('10000');
const [port, dir, program, period = '1'] = process.argv.slice(2) as [string, string, string, string?];
const rpcUrl = `http://127.0.0.1:${port}`;
const LOOK_EVERY_MS = 100;

async function fund(signal: AbortSignal): Promise<void> {
  for (;;) {
    try {
      const chain = await connectChain({ rpcUrl, retryCount: 0 });
      const { owner, bidders } = await readAccounts(null, chain.chainId);
      const transfer = { account: DEVELOPER, data: '0x', value: FUNDS, gas: 21_000n } as const;
      const transactions = await signCalls(
        chain,
        [owner, ...bidders].map(({ address }) => ({ ...transfer, to: address })),
      );
      await sendTransactions(chain, transactions, signal);
      await awaitTransactions(chain, transactions, { signal });
      return;
    } catch (error) {
      if ((error as { code?: string }).code !== 'ServerUnreachable') throw error;
      await wait(LOOK_EVERY_MS, undefined, { signal });
    }
  }
}

async function main(): Promise<void> {
  await rm(dir, { recursive: true, force: true });
  const child = spawn(
    program,
    [
      ...['--dev', '--dev.period', period, '--datadir', dir, '--verbosity', '1'],
      ...['--http', '--http.port', port, '--http.api', 'eth,web3,net,debug,dev'],
      ...['--port', '0', '--authrpc.port', '0', '--ipcdisable', '--nodiscover'],
    ],
    { stdio: ['ignore', 'inherit', 'inherit'] },
  );
  const ended = new AbortController();
  child.once('exit', (code) => {
    ended.abort();
    process.exitCode = code ?? 1;
  });
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => child.kill(name));
  await fund(ended.signal);
  console.log('ready');
}

void main();
