import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { isLong } from '../../../../test/support/long';
import { connectChain } from '../../src/chain/client';
import type { TaskContext } from 'sluice';
import { getText } from '../../src/lakeObjects';
import { moveCursor, readNext, type Listening, type NextReading } from '../../src/listener';
import { readEvents } from '../../src/tasks/readEvents';
import { deployAuction, type TestAuction } from '../support/auction';
import { listenTo } from '../support/listener';
import { startAnvil, type LocalChain } from '../support/localChain';
import { startS3, type LocalS3 } from '../support/localS3';
import { countedSum } from '../support/records';
import { reorganiseSeeded } from '../support/reorganisations';

/** `SLUICE_LONG=1` has the numbers of the requirement: 100 reorganisations, a gap of 5,000 blocks. */
const REORGANISATIONS = isLong ? 100 : 12;
/** Blocks; the local chain needs some milliseconds for each. */
const GAP = isLong ? 5_000 : 500;

let local: LocalChain;
let lake: LocalS3;
beforeAll(async () => {
  [local, lake] = await Promise.all([startAnvil(), startS3()]);
}, 60_000);
afterAll(() => Promise.all([local.stop(), lake.stop()]));

const listen = (auction: TestAuction, options: Partial<Listening> = {}) => listenTo(lake, auction, options);

const balance = ({ chain, address }: TestAuction) => chain.client.getBalance({ address });

test('every event is put once with its own id, and the sum of the records is the balance of the contract', async () => {
  const auction = await deployAuction(local.rpcUrl);
  const listener = listen(auction);
  await auction.bid(1);
  await listener.run();
  expect(listener.put).toHaveLength(10);
  await auction.bid(2);
  await listener.run();
  await listener.run();
  expect(listener.put).toHaveLength(20);
  expect(new Set(listener.put.map(({ Id }) => Id)).size).toBe(20);
  expect(listener.put[0]).toMatchObject({
    Id: expect.stringMatching(/^0x[0-9a-f]{64}:0$/),
    Kind: 'bid',
    Timestamp: expect.stringMatching(/^\d{4}-.*\.000Z$/),
    Amount: expect.stringMatching(/^\d+$/),
  });
  expect(countedSum(listener.put)).toBe(await balance(auction));
});

test('a gap of thousands of blocks is read in bounded parts, and an empty window puts nothing', async () => {
  const long = await startAnvil(undefined, ['--prune-history']);
  try {
    const auction = await deployAuction(long.rpcUrl);
    const listener = listen(auction, { maxBlocks: GAP * 0.4 });
    await auction.bid(1);
    await long.rpc('anvil_mine', [`0x${GAP.toString(16)}`]);
    await auction.bid(2);
    await listener.run();
    expect(listener.readings.map(({ records }) => records)).toEqual([10, 0, 10]);
    await long.rpc('anvil_mine', ['0x3']);
    await listener.run();
    expect(listener.put).toHaveLength(20);
  } finally {
    await long.stop();
  }
});

test('a reading counts its events as read and written, and again where they were read before; an empty one none', async () => {
  const auction = await deployAuction(local.rpcUrl);
  const { listening } = listen(auction);
  const { s3, folder, contract, fromBlock, depth } = listening;
  const context = { s3, signal: new AbortController().signal, report: () => {} } as unknown as TaskContext;
  const input = { rpcUrl: local.rpcUrl, folder, contract: contract as `0x${string}`, fromBlock };
  const read = () => readEvents.run({ ...input, chain: auction.chain }, context);
  const rows = { rowsRejected: 0, valuesUnread: 0 };
  await auction.bid(1);
  const { measures, payload } = await read();
  expect(measures).toEqual({ ...rows, rowsRead: 10, rowsWritten: 10 });
  expect((await read()).measures).toEqual(measures);
  const { cursor, object } = payload as NextReading;
  await moveCursor(s3, { cursor, object: object!, depth });
  expect((await read()).measures).toEqual({ ...rows, rowsRead: 0, rowsWritten: 0 });
});

test('records have the address of the contract with its checksum, however the listener was given it', async () => {
  const auction = await deployAuction(local.rpcUrl);
  const { listening } = listen(auction);
  const { s3, folder, fromBlock } = listening;
  const context = { s3, signal: new AbortController().signal, report: () => {} } as unknown as TaskContext;
  const contract = auction.address.toLowerCase() as `0x${string}`;
  await auction.bid(1, 1);
  const input = { rpcUrl: local.rpcUrl, folder, contract, fromBlock, chain: auction.chain };
  const { payload } = await readEvents.run(input, context);
  const text = await getText(s3, (payload as NextReading).object!);
  expect(JSON.parse(text)).toMatchObject({ Contract: auction.address });
});

test('after seeded reorganisations the counted records are the balance of the contract', async () => {
  const auction = await deployAuction(local.rpcUrl);
  const listener = listen(auction, { depth: 64 });
  await reorganiseSeeded(auction, listener, { chain: local, count: REORGANISATIONS, most: 3 });
  expect(countedSum(listener.put)).toBe(await balance(auction));
  expect(listener.put.filter(({ Kind }) => Kind === 'removed').length).toBeGreaterThan(REORGANISATIONS / 2);
}, 600_000);

test('a reorganisation deeper than the listener looks back is refused, and nothing is rewritten in silence', async () => {
  const auction = await deployAuction(local.rpcUrl);
  const listener = listen(auction, { depth: 2, maxBlocks: 2 });
  for (let batch = 1; batch <= 10; batch++) await auction.bid(batch, 1);
  await listener.run();
  await local.reorganise(8);
  await expect(listener.run()).rejects.toMatchObject({
    code: 'BadData',
    message: expect.stringContaining('deeper'),
  });
  expect(listener.put).toHaveLength(10);
});

test('two listeners at once lose nothing, and what both put has one id', async () => {
  const auction = await deployAuction(local.rpcUrl);
  const one = listen(auction, { maxBlocks: 2 });
  const other = listen(auction, { folder: one.listening.folder, maxBlocks: 2 });
  for (let batch = 1; batch <= 8; batch++) await auction.bid(batch, 3);
  await Promise.all([one.run(), other.run()]);
  await one.run();
  expect(countedSum([...one.put, ...other.put])).toBe(await balance(auction));
  expect(new Set([...one.put, ...other.put].map(({ Id }) => Id)).size).toBe(24);
});

test('a listener that was killed after its announcement is finished by the next, also when the chain changed meanwhile', async () => {
  const auction = await deployAuction(local.rpcUrl);
  const listener = listen(auction);
  await auction.bid(1);
  const announced = await readNext(listener.listening);
  // Killed here, and the block is gone.
  await local.reorganise(1);
  await auction.bid(2);
  await listener.run();
  expect(listener.readings[0]!.object).toBe(announced.object);
  expect(countedSum(listener.put)).toBe(await balance(auction));
});

test('another chain at the same address is refused', async () => {
  const auction = await deployAuction(local.rpcUrl);
  const { chainId } = auction.chain;
  const expected = { chainId, genesis: '00000000' };
  await expect(connectChain({ rpcUrl: local.rpcUrl, expected })).rejects.toMatchObject({ code: 'BadData' });
  const listener = listen(auction);
  await auction.bid(1);
  await listener.run();
  const elsewhere = { ...auction.chain, name: '1-12345678' };
  await expect(readNext({ ...listener.listening, chain: elsewhere })).rejects.toThrow(
    `was listened to on ${auction.chain.name}`,
  );
});

/** A node in front of the chain that answers some calls as `answer` says. */
async function startNode(
  answer: (call: { id: number; method: string; params: unknown[] }) => object | number | null,
) {
  const respond = async (request: IncomingMessage, response: ServerResponse) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const body = JSON.parse(Buffer.concat(parts).toString()) as object;
    const calls = (Array.isArray(body) ? body : [body]) as {
      id: number;
      method: string;
      params: unknown[];
    }[];
    const answers: object[] = [];
    for (const call of calls) {
      const own = answer(call);
      if (typeof own === 'number') return void response.writeHead(own).end();
      if (own !== null) answers.push({ jsonrpc: '2.0', id: call.id, ...own });
      else {
        const real = await fetch(local.rpcUrl, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(call),
        });
        answers.push((await real.json()) as object);
      }
    }
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(Array.isArray(body) ? answers : answers[0]));
  };
  const server = createServer((request, response) => void respond(request, response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { rpcUrl: `http://127.0.0.1:${port}/v3/a-key-that-nobody-may-see`, stop: () => void server.close() };
}

test('a node that refuses large ranges is asked for half of them, and half again', async () => {
  const auction = await deployAuction(local.rpcUrl);
  const node = await startNode(({ method, params }) => {
    if (method !== 'eth_getLogs') return null;
    const { fromBlock, toBlock } = params[0] as { fromBlock: string; toBlock: string };
    return Number(toBlock) - Number(fromBlock) < 4
      ? null
      : { error: { code: -32000, message: 'block range too large, maximum is 4' } };
  });
  try {
    for (let batch = 1; batch <= 10; batch++) await auction.bid(batch, 1);
    const chain = await connectChain({ rpcUrl: node.rpcUrl, retryCount: 0 });
    const listener = listen(auction, { chain });
    await listener.run();
    expect(listener.put).toHaveLength(10);
  } finally {
    node.stop();
  }
});

test.each([
  413,
  'maximum allowed is 100 blocks',
  'ranges over 10000 blocks are not supported',
  'limit the query to at most 1000 blocks',
  'limit the query to at most 1,000 blocks',
])('a node that refuses a range by %j is asked for half of it', async (words) => {
  const auction = await deployAuction(local.rpcUrl);
  const node = await startNode(({ method, params }) => {
    if (method !== 'eth_getLogs') return null;
    const { fromBlock, toBlock } = params[0] as { fromBlock: string; toBlock: string };
    if (Number(toBlock) - Number(fromBlock) < 2) return null;
    return typeof words === 'number' ? words : { error: { code: -32000, message: words } };
  });
  try {
    for (let batch = 1; batch <= 4; batch++) await auction.bid(batch, 1);
    const chain = await connectChain({ rpcUrl: node.rpcUrl, retryCount: 0 });
    const listener = listen(auction, { chain });
    await listener.run();
    expect(listener.put).toHaveLength(4);
  } finally {
    node.stop();
  }
});

test.each([
  [429, 'Throttled'],
  [503, 'Transient'],
  [401, 'AccessDenied'],
])('a node that answers %i is %s, and its key is in no message', async (status, code) => {
  const node = await startNode(() => status);
  try {
    const failure = await connectChain({ rpcUrl: node.rpcUrl, retryCount: 0 }).catch((error: Error) => error);
    expect(failure).toMatchObject({ code });
    expect((failure as Error).message).not.toContain('a-key-that-nobody-may-see');
  } finally {
    node.stop();
  }
});

test('what a node quotes of its URL is in no message', async () => {
  const quoted = 'project%2BID-7 projects project+ID-7 PROJECT+id-7 hunter22 s3cr3t v3';
  const message = `invalid project id ${quoted}`;
  const node = await startNode(() => ({ error: { code: -32000, message } }));
  try {
    const { port } = new URL(node.rpcUrl);
    const rpcUrl = `http://hunter22:hunter23@127.0.0.1:${port}/v3/project%2BID-7?key=s3cr3t#hunter24`;
    const failure = (await connectChain({ rpcUrl, retryCount: 0 }).catch((error: Error) => error)) as Error;
    expect(failure).toMatchObject({ code: 'Transient' });
    expect(failure.message).toContain(`127.0.0.1:${port}: `);
    expect(failure.message).toContain('invalid project id … projects … … … … v3');
    expect(failure.message).not.toMatch(/hunter|s3cr3t|ID-7/i);
  } finally {
    node.stop();
  }
});

test('a node that does not have the newest block yet is asked later, and nothing is passed over', async () => {
  const auction = await deployAuction(local.rpcUrl);
  await auction.bid(1);
  let behind = true;
  const node = await startNode(({ method, params }) => {
    const isBlock = method === 'eth_getBlockByNumber' && params[0] !== 'latest' && params[0] !== '0x0';
    return behind && isBlock && Number(params[0]) > auction.block ? { result: null } : null;
  });
  try {
    const chain = await connectChain({ rpcUrl: node.rpcUrl, retryCount: 0 });
    const listener = listen(auction, { chain });
    await expect(listener.run()).rejects.toMatchObject({ code: 'Transient' });
    behind = false;
    await listener.run();
    expect(listener.put).toHaveLength(10);
  } finally {
    node.stop();
  }
});

test('a node that says of blocks it does not have that they have no logs loses no event', async () => {
  const auction = await deployAuction(local.rpcUrl);
  await auction.bid(1);
  await auction.bid(2);
  const has = auction.block + 1;
  let behind = true;
  let askedByHash = 0;
  // The headers come from a node that is up to date, the logs from one that is a block behind.
  const node = await startNode(({ method, params }) => {
    if (method !== 'eth_getLogs' || !behind) return null;
    const { blockHash } = params[0] as { blockHash?: string };
    if (blockHash === undefined) return { result: [] };
    return ++askedByHash > 1 ? { error: { code: -32000, message: 'unknown block' } } : null;
  });
  try {
    const chain = await connectChain({ rpcUrl: node.rpcUrl, retryCount: 0 });
    const listener = listen(auction, { chain });
    await expect(listener.run()).rejects.toMatchObject({ code: 'Transient' });
    expect(askedByHash).toBe(2);
    behind = false;
    await listener.run();
    expect(listener.put.map(({ Block }) => Block)).toEqual([
      ...Array(10).fill(has),
      ...Array(10).fill(has + 1),
    ]);
    expect(countedSum(listener.put)).toBe(await balance(auction));
  } finally {
    node.stop();
  }
});

test('a block that was asked for by its hash alone has its events in their place', async () => {
  const auction = await deployAuction(local.rpcUrl);
  for (let batch = 1; batch <= 3; batch++) await auction.bid(batch, 2);
  // Of the blocks after the first, the node has no logs by number.
  const node = await startNode(({ method, params }) => {
    const { fromBlock, blockHash } = (params?.[0] ?? {}) as { fromBlock?: string; blockHash?: string };
    if (method !== 'eth_getLogs' || blockHash !== undefined || fromBlock === undefined) return null;
    return { result: [] };
  });
  try {
    const chain = await connectChain({ rpcUrl: node.rpcUrl, retryCount: 0 });
    const listener = listen(auction, { chain });
    await listener.run();
    expect(listener.put.map(({ Block }) => Block - auction.block)).toEqual([1, 1, 2, 2, 3, 3]);
    expect(countedSum(listener.put)).toBe(await balance(auction));
  } finally {
    node.stop();
  }
});

test('a node that answers nothing in time, or with no JSON, is asked again later', async () => {
  const answers: ((response: ServerResponse) => void)[] = [
    () => {},
    (response) => response.end(),
    (response) => response.end('<html>busy</html>'),
  ];
  for (const answer of answers) {
    const server = createServer((_, response) => answer(response)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    try {
      await expect(
        connectChain({ rpcUrl: `http://127.0.0.1:${port}`, timeoutMs: 200, retryCount: 0 }),
      ).rejects.toMatchObject({ code: 'Transient' });
    } finally {
      server.closeAllConnections();
      server.close();
    }
  }
});
