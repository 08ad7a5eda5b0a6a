import { defineTask, field } from 'sluice';
import { isUnit, planBids } from '../chain/bids';
import { readAccounts } from '../chain/keys';
import { signBids as sign } from '../chain/transactions';
import { readSettings } from '../settings';
import { chain, connect, contract, contractOf, rpcUrl } from './_fields';

const isWei = (value: unknown): value is string => typeof value === 'string' && isUnit(value);

export const signBids = defineTask(
  {
    name: 'sign-bids',
    about: 'Signs one batch of bids, with one sequence of nonces for each bidder.',
    input: {
      rpcUrl,
      chain,
      contract,
      batch: field.integer(),
      size: field.integer({ least: 1, most: 1000, default: 10 }),
      seed: field.integer({ default: 1 }),
      unit: field.value(isWei, {
        needs: 'wei as a text of digits, of which twelve are below 2^256',
        default: '1',
      }),
    },
  },
  async (input) => {
    const connected = await connect(input);
    const { bidders } = await readAccounts(readSettings().keys, connected.chainId);
    const { seed, batch, size } = input;
    const planned = planBids({ seed, batch, size, bidders: bidders.length, unit: BigInt(input.unit) });
    const bids = planned.map(({ bidder, amount }) => ({ bidder: bidders[bidder]!, amount }));
    return { payload: { transactions: await sign(connected, contractOf(input), bids) } };
  },
);
