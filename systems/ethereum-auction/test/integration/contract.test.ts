import { parseEther } from 'viem';
import { S3Client } from '@aws-sdk/client-s3';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { runTask } from '../../../../test/support/tasks';
import { AUCTION_ABI } from '../../src/chain/auctionAbi';
import {
  awaitTransactions,
  sendTransactions,
  signBids,
  signWithdrawals,
  type SignedTransaction,
} from '../../src/chain/transactions';
import { signWithdrawals as signWithdrawalsTask } from '../../src/tasks/signWithdrawals';
import { deployAuction, signal, type TestAuction } from '../support/auction';
import { startAnvil, type LocalChain } from '../support/localChain';

let local: LocalChain;
beforeAll(async () => {
  local = await startAnvil();
}, 60_000);
afterAll(() => local.stop());

test('bids add up, nobody withdraws before the end, losers and the owner withdraw after it, the leader does not', async () => {
  const { chain, accounts, address, send } = await deployAuction(local.rpcUrl, 3);
  const [first, second] = accounts.bidders as [(typeof accounts.bidders)[0], (typeof accounts.bidders)[0]];
  const bids = [
    { bidder: first, amount: 5n },
    { bidder: second, amount: 4n },
    { bidder: second, amount: 3n },
  ];
  expect(await send(await signBids(chain, address, bids))).toHaveLength(3);
  expect(await chain.client.getBalance({ address })).toBe(12n);
  await expect(send(await signWithdrawals(chain, address, [first]))).rejects.toMatchObject({
    code: 'BadData',
    message: expect.stringContaining('was reverted: AuctionNotOver'),
  });

  await local.test.mine({ blocks: 3 });
  await expect(send(await signBids(chain, address, [bids[0]!]))).rejects.toThrow('was reverted: AuctionOver');
  await expect(send(await signWithdrawals(chain, address, [second]))).rejects.toThrow('NothingToWithdraw');
  await send(await signWithdrawals(chain, address, [first, accounts.owner]));
  expect(await chain.client.getBalance({ address })).toBe(0n);
  const events = await chain.client.getContractEvents({
    address,
    abi: AUCTION_ABI,
    eventName: 'Withdrawal',
    fromBlock: 0n,
  });
  expect(events.map(({ args }) => args)).toEqual([
    { bidder: first.address, amount: 5n },
    { bidder: accounts.owner.address, amount: 7n },
  ]);
});

test('the owner withdraws the winning bid, also when it is of nobody we know; without any bid there is nothing to withdraw', async () => {
  const withdraw = async ({ chain, address, send }: TestAuction) => {
    await local.test.mine({ blocks: 5 });
    const input = { rpcUrl: local.rpcUrl, chain, contract: address };
    const { payload } = await runTask(signWithdrawalsTask, input, { s3: new S3Client() });
    const { transactions } = payload as { transactions: SignedTransaction[] };
    await send(transactions);
    expect(await chain.client.getBalance({ address })).toBe(0n);
    return transactions.map(({ from }) => from);
  };
  const auction = await deployAuction(local.rpcUrl, 3);
  const { accounts, chain, address } = auction;
  const stranger = privateKeyToAccount(generatePrivateKey());
  await local.test.setBalance({ address: stranger.address, value: parseEther('1') });
  const [first] = accounts.bidders;
  const bids = [
    { bidder: first!, amount: 5n },
    { bidder: stranger, amount: 6n },
  ];
  await auction.send(await signBids(chain, address, bids));
  expect(await withdraw(auction)).toEqual([accounts.owner.address, first!.address]);
  expect(await withdraw(await deployAuction(local.rpcUrl, 3))).toEqual([]);
});

test('fifty bids sent together are all mined as successes', async () => {
  const auction = await deployAuction(local.rpcUrl);
  const mined = await auction.bid(1, 50);
  expect(new Set(mined.map(({ block }) => block)).size).toBe(1);
  expect(mined).toHaveLength(50);
});

test('what is signed can be sent any number of times and happens once', async () => {
  const { chain, accounts, address } = await deployAuction(local.rpcUrl);
  const bids = [{ bidder: accounts.bidders[0]!, amount: 7n }];
  const transactions = await signBids(chain, address, bids);
  for (let i = 0; i < 3; i++) {
    await sendTransactions(chain, transactions, signal);
    await awaitTransactions(chain, transactions, { signal });
  }
  expect(await chain.client.getBalance({ address })).toBe(7n);
});

test('a nonce that another transaction took is a failure that says so, and who has no funds is told', async () => {
  const { chain, accounts, address, send } = await deployAuction(local.rpcUrl);
  const bidder = accounts.bidders[0]!;
  const older = await signBids(chain, address, [{ bidder, amount: 1n }]);
  await send(await signBids(chain, address, [{ bidder, amount: 2n }]));
  await expect(sendTransactions(chain, older, signal)).rejects.toMatchObject({
    code: 'BadData',
    message: expect.stringMatching(/another one of 0x.* took its nonce/),
  });
  const tooMuch = await signBids(chain, address, [{ bidder, amount: parseEther('1000000') }]);
  await expect(sendTransactions(chain, tooMuch, signal)).rejects.toThrow('has not enough for transaction');
});
