import { defineTask, field } from 'sluice';
import { moveCursor as move } from '../listener';
import { lastMark } from '../chain/cursor';

export const moveCursor = defineTask(
  {
    name: 'move-cursor',
    about: 'Moves the cursor past a reading whose records are in the stream.',
    input: {
      cursor: field.object(),
      object: field.object({ about: 'the reading' }),
      depth: field.integer({ least: 1, default: 512 }),
    },
  },
  async (input, { s3 }) => {
    const cursor = await move(s3, input);
    return { payload: { block: lastMark(cursor).block, records: cursor.records, epoch: cursor.epoch } };
  },
);
