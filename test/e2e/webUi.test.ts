import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startStack, type Stack } from '../../src/local';
import { describeWithBrowser, withPage } from '../support/browser';
import { sluice } from '../support/cli';
import { portOffset } from '../support/portOffset';

const PORT_OFFSET = portOffset();

describeWithBrowser('in the Temporal Web UI', () => {
  let folder: string;
  let stack: Stack;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sluice-e2e-'));
    stack = await startStack({
      dir: folder,
      portOffset: PORT_OFFSET,
      spark: false,
      webhook: false,
      report: () => {},
    });
  }, 120_000);

  afterAll(async () => {
    await stack?.stop();
    await rm(folder, { recursive: true, force: true });
  }, 60_000);

  test('a run shows its steps, their states and what is waited for', async () => {
    const env = { ...stack.info.env };
    const started = await sluice(['start', 'marketing-and-sales', '--id', 'ui-1', '--json'], { env });
    const { url } = JSON.parse(started.stdout) as { url: string };
    for (let waiting = 0; waiting < 2;) {
      const { stdout } = await sluice(['status', 'ui-1', '--json'], { env });
      waiting = (JSON.parse(stdout) as { waitingFor: string[] }).waitingFor.length;
    }
    await withPage(async (page) => {
      await page.goto(url.replace(/\/history$/, '/user-metadata'));
      // The UI shows Markdown in frames of their own.
      await page.locator('iframe').first().waitFor({ timeout: 30_000 });
      // It puts a new frame in the place of the old one whenever the run reports, so a frame may go while it is read.
      const rowOf = async (text: RegExp): Promise<string> => {
        for (;;) {
          for (const frame of page.frames()) {
            const row = frame.locator('tr', { hasText: text }).first();
            const found = await row.innerText({ timeout: 500 }).catch(() => null);
            if (found !== null) return found;
          }
        }
      };
      expect(await rowOf(/wait for sales data/)).toMatch(
        /sales \/ wait for sales data\s+waiting\s.*s3:\/\/lake\/sales\/\*\.csv/s,
      );
      expect(await rowOf(/wait for marketing data/)).toMatch(/waiting\s.*s3:\/\/lake\/marketing\/\*\.csv/s);
    });
  }, 120_000);
});
