import { defineTask, field } from 'sluice';
import { getText, putText } from '../lakeObjects';
import { drawPage, drawSpend as draw } from '../spendChart';

export const drawSpend = defineTask(
  {
    name: 'draw-spend',
    about: 'Draws the spend of each block as a picture, and a page with the picture and its table.',
    input: { table: field.object(), to: field.object(), page: field.object(), title: field.text() },
  },
  async ({ table, to, page, title }, { s3, signal }) => {
    const [, ...lines] = (await getText(s3, table, signal)).trim().split('\n');
    const rows = lines.map((line) => {
      const [block, spend] = line.replaceAll('"', '').split(',');
      return { block: Number(block), spend: BigInt(spend!) };
    });
    await putText(s3, to, { text: draw(rows, title), contentType: 'image/svg+xml', signal });
    await putText(s3, page, { text: drawPage(rows, title), contentType: 'text/html; charset=utf-8', signal });
    return { output: to, measures: { blocks: rows.length } };
  },
);
