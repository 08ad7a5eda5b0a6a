import { setTimeout as wait } from 'node:timers/promises';
import { defineTask, field } from 'sluice';
import { AUCTION_ABI } from '../chain/auctionAbi';
import { makeBlocks, makesBlocks } from '../chain/localBlocks';
import { chain, connect, contract, contractOf, rpcUrl } from './_fields';

const LOOK_EVERY_MS = 1000;

export const awaitEnd = defineTask(
  {
    name: 'await-end',
    about: 'Waits until an auction is over; a local chain is given the blocks that are missing.',
    input: { rpcUrl, chain, contract, blockSeconds: field.integer({ least: 1, default: 15 }) },
  },
  async (input, { signal, report }) => {
    const connected = await connect(input);
    const lastBlock = Number(
      await connected.ask((client) =>
        client.readContract({ address: contractOf(input), abi: AUCTION_ABI, functionName: 'lastBlock' }),
      ),
    );
    const makes = await makesBlocks(connected);
    for (;;) {
      const head = Number(await connected.ask((client) => client.getBlockNumber()));
      report({ head, lastBlock });
      if (head >= lastBlock) return { payload: { lastBlock, head } };
      if (makes) await makeBlocks(connected, lastBlock - head, input.blockSeconds);
      else await wait(LOOK_EVERY_MS, undefined, { signal });
    }
  },
);
