import { setTimeout as wait } from 'node:timers/promises';
import { defineTask, field } from 'sluice';
import { readNext } from '../listener';
import { chain, connect, contract, contractOf, rpcUrl } from './_fields';

const LOOK_EVERY_MS = 1000;

export const readEvents = defineTask(
  {
    name: 'read-events',
    about: 'Reads the events after the cursor into an object, and announces them in the cursor.',
    input: {
      rpcUrl,
      chain,
      contract,
      known: field.text({ about: 'the chain that is meant', optional: true }),
      folder: field.s3(),
      fromBlock: field.integer({ default: 0 }),
      finality: field.choice(['latest', 'safe', 'finalized'], { default: 'latest' }),
      confirmations: field.integer({ default: 0 }),
      maxBlocks: field.integer({ least: 1, default: 2000 }),
      depth: field.integer({ least: 1, default: 512 }),
      through: field.integer({
        about: 'wait until this block is read; without it, what is there is read',
        optional: true,
      }),
    },
  },
  async (input, { s3, signal, report }) => {
    const connected = await connect(input);
    for (;;) {
      const next = await readNext({ ...input, contract: contractOf(input), chain: connected, s3 });
      const waits = input.through !== undefined && next.object === null && next.block < input.through;
      if (!waits) {
        const { records } = next;
        // A log that is no event of the contract fails the reading.
        const rows = { rowsRead: records, rowsRejected: 0, valuesUnread: 0, rowsWritten: records };
        return { measures: rows, payload: next };
      }
      report({ block: next.block, through: input.through });
      await wait(LOOK_EVERY_MS, undefined, { signal });
    }
  },
);
