import { existsSync } from 'node:fs';
import { chromium, type Page } from 'playwright-core';

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) =>
  existsSync(path),
);

/** A browser is no part of the product, so a machine without one skips this and says so. */
export const describeWithBrowser = CHROMIUM
  ? describe
  : (name: string, body: () => void) =>
      describe.skip(`${name} (no Chromium here; Debian: apt-get install chromium)`, body);

/** Opens a page in headless Chromium and closes the browser in any case. */
export async function withPage<T>(look: (page: Page) => Promise<T>): Promise<T> {
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
    return await look(await browser.newPage());
  } finally {
    await browser.close();
  }
}
