import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { startStack, type Stack } from '../../src/local';
import { sluice } from '../support/cli';

const PORT_OFFSET = 23_000;
const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) =>
  existsSync(path),
);

/** A browser is no part of the product, so a machine without one skips this and says so. */
const describeWithBrowser = CHROMIUM
  ? describe
  : (name: string, body: () => void) =>
      describe.skip(`${name} (no Chromium here; Debian: apt-get install chromium)`, body);

describeWithBrowser('in the Temporal Web UI', () => {
  let folder: string;
  let stack: Stack;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sluice-e2e-'));
    stack = await startStack({ dir: folder, portOffset: PORT_OFFSET, spark: false, report: () => {} });
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
    const browser = await chromium.launch({
      executablePath: CHROMIUM!,
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    });
    try {
      const page = await browser.newPage();
      await page.goto(url.replace(/\/history$/, '/user-metadata'));
      // The UI shows Markdown in frames of their own.
      await page.locator('iframe').first().waitFor({ timeout: 30_000 });
      const rows = (text: RegExp) =>
        Promise.any(
          page
            .frames()
            .map((frame) => frame.locator('tr', { hasText: text }).first().innerText({ timeout: 20_000 })),
        );
      expect(await rows(/wait for sales data/)).toMatch(
        /sales \/ wait for sales data\s+waiting\s.*s3:\/\/lake\/sales\/\*\.csv/s,
      );
      expect(await rows(/wait for marketing data/)).toMatch(/waiting\s.*s3:\/\/lake\/marketing\/\*\.csv/s);
    } finally {
      await browser.close();
    }
  }, 120_000);
});
