import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { defineTask, field, parseS3Uri } from 'sluice';
import { compileContract } from '../chain/compile';
import { readAccounts } from '../chain/keys';
import { requireAuction } from '../chain/requireAuction';
import { signDeployment as sign } from '../chain/transactions';
import { readSettings } from '../settings';
import { chain, connect, rpcUrl } from './_fields';

const SHIPPED_SOURCE = join(__dirname, '..', '..', 'contracts', 'Auction.sol');

/** Nothing is sent here: what is signed is kept by the run first, and can be sent any number of times. */
export const signDeployment = defineTask(
  {
    name: 'sign-deployment',
    about: 'Compiles the contract and signs the transaction that deploys it.',
    input: {
      rpcUrl,
      chain,
      source: field.object({
        about: 'the Solidity source in S3; the one that ships unless given',
        optional: true,
      }),
      blocks: field.integer({ about: 'how many blocks the auction takes bids', least: 1 }),
    },
  },
  async (input, { s3, signal }) => {
    const connected = await connect(input);
    const source = await readSource(s3, input.source, signal);
    const contract = await compileContract(source.text, source.name);
    requireAuction(contract, source.name);
    const { owner } = await readAccounts(readSettings().keys, connected.chainId);
    const deployment = await sign(connected, owner, { contract, blocks: input.blocks });
    return { payload: { name: contract.name, abi: contract.abi, deployment } };
  },
);

async function readSource(s3: S3Client, source: string | undefined, abortSignal: AbortSignal) {
  if (source === undefined) return { name: 'Auction.sol', text: await readFile(SHIPPED_SOURCE, 'utf8') };
  const { bucket, key } = parseS3Uri(source)!;
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }), { abortSignal });
  return { name: source, text: await Body!.transformToString() };
}
