import { join } from 'node:path';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { describeWithBrowser, withPage } from '../../../test/support/browser';
import { startTestS3 } from '../../../test/support/s3';
import { drawChart } from '../src/tasks/drawChart';
import { runTask } from '../../../test/support/tasks';

describeWithBrowser('the page of calls by agent', () => {
  let gateway: Awaited<ReturnType<typeof startTestS3>>;
  beforeAll(async () => {
    gateway = await startTestS3();
  }, 60_000);
  afterAll(() => gateway?.stop());

  test('shows a bar for each agent, stacked by queue, its legend, and the table, without a network', async () => {
    const queue = (name: string) => `arn:aws:connect:us-east-1:1:instance/i/queue/${name}`;
    const rows = [
      ['ann', 'sales', 5],
      ['ann', 'billing', 3],
      ['ben', 'sales', 4],
    ].map(([agent, name, calls]) => `"${agent}","${queue(String(name))}","${calls}"`);
    const Body = `"username","queue_arn","calls"\n${rows.join('\n')}\n`;
    await gateway.s3.send(new PutObjectCommand({ Bucket: 'lake', Key: 'q/calls.csv', Body }));
    const input = {
      ...{ table: 's3://lake/q/calls.csv', to: 's3://lake/q/calls.svg', page: 's3://lake/q/calls.html' },
      ...{ title: 'Calls by agent', bars: 'username', length: 'calls', stack: 'queue_arn' },
    };
    await runTask(drawChart, input, { s3: gateway.s3 });
    await withPage(async (page) => {
      const asked: string[] = [];
      page.on('request', (request) => asked.push(request.url()));
      await page.goto(`file://${join(gateway.s3Dir, 'lake/q/calls.html')}`);
      if (process.env['SLUICE_SCREENSHOT']) await page.screenshot({ path: process.env['SLUICE_SCREENSHOT'] });
      const marks = await page.locator('svg [aria-roledescription="bar"]').all();
      const bars = await Promise.all(marks.map(async (mark) => (await mark.boundingBox())!));
      expect(bars).toHaveLength(3);
      const [annSales, annBilling, benSales] = bars;
      expect(annBilling!.x).toBeCloseTo(annSales!.x, 0);
      expect(benSales!.x).toBeGreaterThan(annSales!.x);
      expect(annSales!.height / annBilling!.height).toBeCloseTo(5 / 3, 1);
      for (const text of ['sales', 'billing', 'ann', 'ben'])
        expect(await page.locator('svg text', { hasText: text }).first().isVisible()).toBe(true);
      expect(await page.locator('table tr').count()).toBe(4);
      expect(asked).toHaveLength(1);
    });
  }, 60_000);
});
