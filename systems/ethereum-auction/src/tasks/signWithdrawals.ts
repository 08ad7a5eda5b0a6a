import { defineTask } from 'sluice';
import { AUCTION_ABI } from '../chain/auctionAbi';
import { readAccounts } from '../chain/keys';
import { signWithdrawals as sign } from '../chain/transactions';
import { readSettings } from '../settings';
import { chain, connect, contract, contractOf, rpcUrl } from './_fields';

export const signWithdrawals = defineTask(
  {
    name: 'sign-withdrawals',
    about: 'Signs the withdrawals of everybody who has something in an auction that is over.',
    input: { rpcUrl, chain, contract },
  },
  async (input) => {
    const connected = await connect(input);
    const { owner, bidders } = await readAccounts(readSettings().keys, connected.chainId);
    const auction = { address: contractOf(input), abi: AUCTION_ABI } as const;
    const leader = await connected.ask((client) =>
      client.readContract({ ...auction, functionName: 'leader' }),
    );
    // Whoever leads may be nobody of ours, and before the first bid is nobody.
    const [winning, ...sums] = await connected.ask((client) =>
      Promise.all(
        [leader, ...bidders.map(({ address }) => address)].map((address) =>
          client.readContract({ ...auction, functionName: 'bids', args: [address] }),
        ),
      ),
    );
    const losers = bidders.filter(({ address }, i) => sums[i]! > 0n && address !== leader);
    const accounts = winning! > 0n ? [owner, ...losers] : losers;
    return { payload: { transactions: await sign(connected, contractOf(input), accounts) } };
  },
);
