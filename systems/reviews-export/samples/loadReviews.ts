import {
  BatchWriteItemCommand,
  CreateTableCommand,
  DynamoDBClient,
  waitUntilTableExists,
  type AttributeValue,
} from '@aws-sdk/client-dynamodb';
import { oneOf, seeded, whole } from 'sluice/testing';

type Item = Record<string, AttributeValue>;

/** The two reviews that the pipeline's question is about. */
const KNOWN: Item[] = [
  review('Tristan', "Harry Potter and the Philosopher's Stone", 5, 'J.K. Rowling', 'A thrilling journey'),
  review('Adeline', "Harry Potter and the Sorcerer's Stone", 4, 'J.K. Rowling', 'Hermione is the hero'),
];
const BOOKS: [string, string][] = [
  ['Emma', 'Jane Austen'],
  ['Middlemarch', 'George Eliot'],
  ['Dracula', 'Bram Stoker'],
  ['Moby-Dick', 'Herman Melville'],
  ['The Trial', 'Franz Kafka'],
  ['Jane Eyre', 'Charlotte Brontë'],
];
const WORDS = ['dark', 'witty', 'slow', '“classic”', 'reread', 'café', 'loved', 'a bit long'];

function review(user: string, book: string, rating: number, author?: string, text?: string): Item {
  return {
    User: { S: user },
    Book: { S: book },
    Rating: { N: String(rating) },
    ...(author === undefined ? {} : { Author: { S: author } }),
    ...(text === undefined ? {} : { Review: { S: text } }),
  };
}

/** Reviews with keys of their own. The same seed gives the same items. */
export function generateReviews(count: number, seed = 1): Item[] {
  const random = seeded(seed);
  const more = Array.from({ length: Math.max(0, count - KNOWN.length) }, (_, number): Item => {
    const [book, author] = oneOf(random, BOOKS);
    const text = Array.from({ length: whole(random, 2, 12) }, () => oneOf(random, WORDS)).join(' ');
    const has = (share: number) => random() < share;
    return {
      ...review(
        `reader ${number}`,
        book,
        whole(random, 1, 5),
        has(0.94) ? author : undefined,
        has(0.85) ? text : undefined,
      ),
      ...(has(0.3) ? { HelpfulVotes: { N: String(whole(random, 0, 250)) } } : {}),
      ...(has(0.2) ? { WouldRecommend: { BOOL: has(0.8) } } : {}),
      ...(has(0.15) ? { Shelves: { SS: ['classics', 'to-read'] } } : {}),
    };
  });
  return [...KNOWN, ...more].slice(0, count);
}

/** Creates the table (hash key User, range key Book) unless it is there, and puts the items. */
export async function loadReviews(dynamodb: DynamoDBClient, tableName: string, items: Item[]): Promise<void> {
  try {
    await dynamodb.send(
      new CreateTableCommand({
        TableName: tableName,
        KeySchema: [
          { AttributeName: 'User', KeyType: 'HASH' },
          { AttributeName: 'Book', KeyType: 'RANGE' },
        ],
        AttributeDefinitions: [
          { AttributeName: 'User', AttributeType: 'S' },
          { AttributeName: 'Book', AttributeType: 'S' },
        ],
        BillingMode: 'PAY_PER_REQUEST',
      }),
    );
  } catch (error) {
    if ((error as Error).name !== 'ResourceInUseException') throw error;
  }
  await waitUntilTableExists({ client: dynamodb, maxWaitTime: 120 }, { TableName: tableName });
  for (let first = 0; first < items.length; first += 25) {
    let left = items.slice(first, first + 25).map((Item) => ({ PutRequest: { Item } }));
    while (left.length > 0) {
      const written = await dynamodb.send(new BatchWriteItemCommand({ RequestItems: { [tableName]: left } }));
      left = (written.UnprocessedItems?.[tableName] ?? []) as typeof left;
    }
  }
}

/** `npm run samples [TABLE] [ITEMS]`, into the DynamoDB that the AWS settings of the shell lead to. */
async function main(): Promise<void> {
  const [tableName = 'Reviews', count = '1000'] = process.argv.slice(2);
  await loadReviews(new DynamoDBClient({}), tableName, generateReviews(Number(count)));
  console.log(`${count} reviews are in the table ${tableName}`);
}

if (require.main === module) {
  main().catch((error: Error) => {
    console.error(error.message);
    process.exitCode = 1;
  });
}
