import { defineTask, field } from 'sluice';
import { getText, putText } from '../lakeObjects';
import { drawPage, drawSpend as draw, parseSpend } from '../spendChart';

export const drawSpend = defineTask(
  {
    name: 'draw-spend',
    about: 'Draws the spend of each block as a picture, and a page with the picture and its table.',
    input: { table: field.object(), to: field.object(), page: field.object(), title: field.text() },
  },
  async ({ table, to, page, title }, { s3, signal }) => {
    const rows = parseSpend(await getText(s3, table, signal), table);
    await putText(s3, to, { text: draw(rows, title), contentType: 'image/svg+xml', signal });
    await putText(s3, page, { text: drawPage(rows, title), contentType: 'text/html; charset=utf-8', signal });
    const { length } = rows;
    return {
      output: to,
      measures: { rowsRead: length, rowsRejected: 0, valuesUnread: 0, rowsWritten: length },
    };
  },
);
