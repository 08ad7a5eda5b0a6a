import { defineTask, field } from 'sluice';
import { inOneBlock, makesBlocks } from '../chain/localBlocks';
import { awaitTransactions, sendTransactions as send, type Mined } from '../chain/transactions';
import { chain, connect, rpcUrl, transactions } from './_fields';

export const sendTransactions = defineTask(
  {
    name: 'send-transactions',
    about: 'Sends signed transactions and checks the status of each receipt.',
    input: {
      rpcUrl,
      chain,
      transactions,
      blockSeconds: field.integer({
        about: 'seconds between the blocks of a local chain',
        least: 1,
        default: 15,
      }),
    },
  },
  async (input, { signal }) => {
    const connected = await connect(input);
    const confirm = () => awaitTransactions(connected, input.transactions, { signal });
    const deliver = () => send(connected, input.transactions, signal);
    let mined: Mined[] = [];
    if (input.transactions.length > 0) {
      if (await makesBlocks(connected))
        mined = await inOneBlock(connected, input.blockSeconds, { send: deliver, confirm });
      else {
        await deliver();
        mined = await confirm();
      }
    }
    const last = Math.max(0, ...mined.map(({ block }) => block));
    return { measures: { transactions: mined.length }, payload: { block: last } };
  },
);
