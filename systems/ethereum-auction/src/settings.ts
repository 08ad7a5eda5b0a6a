/** What the worker's machine says of the chain; the only reader of the environment in this project. */
export interface Settings {
  /** Where the chain answers, when a run does not say: a URL that may hold a provider's key. */
  rpcUrl: string;
  /** Where the keys are, see `readAccounts`; null for the development accounts of a local chain. */
  keys: string | null;
  /** Where Kinesis answers, for a local one; null for AWS. */
  kinesisEndpoint: string | null;
}

export function readSettings(env: NodeJS.ProcessEnv = process.env): Settings {
  const text = (name: string) => env[name]?.trim() || null;
  return {
    rpcUrl: text('AUCTION_RPC_URL') ?? 'http://127.0.0.1:8545',
    keys: text('AUCTION_KEYS'),
    kinesisEndpoint: text('AUCTION_KINESIS_ENDPOINT'),
  };
}
