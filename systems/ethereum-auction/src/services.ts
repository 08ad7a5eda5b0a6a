import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { SluiceError, type Service } from 'sluice';

/** The local stack's own parts for this project; each is a process that starts and ends with it. */

const load = createRequire(__filename);
const GETH = 'github.com/ethereum/go-ethereum/cmd/geth@v1.16.9';

/** The program of anvil's platform package: it needs no install script. */
export function findAnvil(): string {
  const name = `@foundry-rs/anvil-${process.platform}-${process.arch === 'x64' ? 'amd64' : process.arch}`;
  try {
    return join(
      dirname(load.resolve(`${name}/package.json`)),
      'bin',
      process.platform === 'win32' ? 'anvil.exe' : 'anvil',
    );
  } catch (cause) {
    throw new SluiceError('MissingTool', `${name} is not installed; run npm install, or give rpcUrl`, {
      cause,
    });
  }
}

/** geth, built once by Go into the cache. */
export async function findGeth(): Promise<string> {
  const folder = join(homedir(), '.cache', 'sluice', 'geth-1.16.9');
  const program = join(folder, 'geth');
  if (!existsSync(program))
    await promisify(execFile)('go', ['install', GETH], { env: { ...process.env, GOBIN: folder } }).catch(
      (cause: Error) => {
        throw new SluiceError(
          'MissingTool',
          `geth: Go could not build it (${cause.message}); install Go, or use anvil`,
          { cause },
        );
      },
    );
  return program;
}

const script = (name: string) => [process.execPath, join(__dirname, '..', 'scripts', 'run.mjs'), name];

const chainEnvironment = ({ port }: { port: number }) => ({ AUCTION_RPC_URL: `http://127.0.0.1:${port}` });

export const anvil: Service = {
  name: 'anvil',
  port: 8545,
  command: ({ port }) => [findAnvil(), '--port', String(port), '--accounts', '11', '--silent'],
  env: chainEnvironment,
};

/** geth's development chain, a block each second, on which the development accounts of anvil are funded. */
export const geth: Service = {
  name: 'geth',
  port: 8545,
  command: async ({ port, dir }) => [...script('geth'), String(port), dir, await findGeth()],
  ready: { log: /^ready/m },
  env: chainEnvironment,
};

/** Kinesis, in memory. */
export const kinesis: Service = {
  name: 'kinesis',
  port: 4567,
  command: ({ port }) => [...script('kinesis'), String(port)],
  ready: { log: /^ready/m },
  env: ({ port }) => ({ AUCTION_KINESIS_ENDPOINT: `http://127.0.0.1:${port}` }),
};

/** The delivery from the stream to the lake: what Firehose does on AWS. */
export const delivery: Service = {
  name: 'delivery',
  command: script('delivery'),
  ready: { log: /^ready/m },
};
