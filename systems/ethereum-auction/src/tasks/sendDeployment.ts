import { DynamoDBClient, PutItemCommand, type AttributeValue } from '@aws-sdk/client-dynamodb';
import { defineTask, field, SluiceError } from 'sluice';
import { keccak256 } from 'viem';
import { awaitTransactions, sendTransactions } from '../chain/transactions';
import { chain, connect, deployment, rpcUrl } from './_fields';

export const sendDeployment = defineTask(
  {
    name: 'send-deployment',
    about: 'Sends the signed deployment, waits for its receipt, and writes down where the contract is.',
    input: {
      rpcUrl,
      chain,
      deployment,
      table: field.text({
        about: 'a DynamoDB table with the hash key `contract` that gets the address',
        optional: true,
      }),
    },
  },
  async (input, { signal }) => {
    const connected = await connect(input);
    await sendTransactions(connected, [input.deployment], signal);
    const [mined] = await awaitTransactions(connected, [input.deployment], { signal });
    const { address } = input.deployment;
    const code = await connected.ask((client) => client.getCode({ address }));
    // The receipt is of a block that the node we ask now may not have yet.
    if (code === undefined) throw new SluiceError('Transient', `No code is at ${address} yet`);
    const { block, blockHash, hash } = mined!;
    const contract = { address, block, blockHash, transaction: hash, codeHash: keccak256(code) };
    if (input.table !== undefined) await writeItem(input.table, connected.name, contract);
    return { payload: contract };
  },
);

async function writeItem(
  table: string,
  chainName: string,
  contract: Record<string, string | number>,
): Promise<void> {
  const dynamodb = new DynamoDBClient({});
  try {
    const Item: Record<string, AttributeValue> = {};
    for (const [name, value] of Object.entries(contract))
      Item[name] = typeof value === 'number' ? { N: String(value) } : { S: value };
    Item['contract'] = { S: String(contract['address']) };
    Item['chain'] = { S: chainName };
    await dynamodb.send(new PutItemCommand({ TableName: table, Item }));
  } finally {
    dynamodb.destroy();
  }
}
