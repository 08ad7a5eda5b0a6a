import { setTimeout as wait } from 'node:timers/promises';
import { defineTask, field, listKeys, parseS3Uri } from 'sluice';
import { getText } from '../lakeObjects';
import { parseRecords } from '../readRecords';
import { identityOf, type AuctionRecord } from '../records';
import { contract, contractOf } from './_fields';

const LOOK_EVERY_MS = 500;

/** Firehose, or the local delivery, writes when its buffer is full or old; until then records are on their way. */
export const awaitDelivery = defineTask(
  {
    name: 'await-delivery',
    about: 'Waits until so many records of a contract are in the objects that the stream is delivered to.',
    input: {
      events: field.folder(),
      contract,
      chainName: field.text(),
      records: field.integer({ about: 'how many, repeats not counted' }),
      since: field.time({ about: 'objects of earlier hours are not looked at' }),
    },
  },
  async (input, { s3, signal, report }) => {
    const { bucket, key: prefix } = parseS3Uri(input.events)!;
    const firstHour = prefix + new Date(input.since).toISOString().slice(0, 13).replaceAll(/[-T]/g, '/');
    const address = contractOf(input);
    const seen = new Set<string>();
    const read = new Set<string>();
    let [rowsRead, rowsRejected] = [0, 0];
    for (;;) {
      const keys = await listKeys(s3, bucket, prefix, signal);
      for (const key of keys.filter((one) => one >= firstHour && !read.has(one) && !one.endsWith('/'))) {
        const text = await getText(s3, `s3://${bucket}/${key}`, signal);
        for (const line of text.split('\n').filter((one) => one !== '')) {
          for (const record of parseRecords(line)) {
            if ('reason' in record) rowsRejected++;
            else {
              rowsRead++;
              if (record.Chain === input.chainName && record.Contract === address)
                seen.add(identityOf(record as AuctionRecord));
            }
          }
        }
        read.add(key);
      }
      report({ records: seen.size, of: input.records });
      if (seen.size >= input.records) {
        const rows = { rowsRead, rowsRejected, valuesUnread: 0, rowsWritten: 0 };
        return { output: input.events, measures: { ...rows, delivered: seen.size } };
      }
      await wait(LOOK_EVERY_MS, undefined, { signal });
    }
  },
);
