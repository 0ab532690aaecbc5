// Every page as PNG, light and dark, 1440 and 390 px wide: node screenshots.mjs FOLDER. Run by screenshots.sh.

import { mkdirSync, rmSync } from 'node:fs';
import { Server } from './lib/server.mjs';
import { House, PASSWORD, PHONE, WIDE } from './lib/house.mjs';
import { launch } from './lib/browser.mjs';
import { PAGES, pathOf } from './lib/pages.mjs';
import { fill } from './lib/demo.mjs';

const [folder, only] = process.argv.slice(2);
if (!only) rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });

const house = new House();
[house.server, house.browser] = await Promise.all([Server.start({ password: PASSWORD }), launch()]);
await house.server.settings({ serviceUrl: house.server.url });
const demo = await fill(house.server);
let faults = 0;
for (const entry of PAGES.filter((entry) => !only || entry.name.includes(only))) {
  const { context, page } = await house.visit({ signedIn: entry.signedIn });
  try {
    const answer = await page.goto(await pathOf(entry, demo, house.server));
    if (answer.status() !== (entry.status ?? 200)) throw new Error(`answered ${answer.status()}`);
    for (const colorScheme of ['light', 'dark'])
      for (const size of [WIDE, PHONE]) {
        await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
        await page.setViewportSize(size);
        // A window as high as the page: what sticks to an edge is where it is at the end of scrolling, not across the middle.
        const height = await page.evaluate(() => document.documentElement.scrollHeight);
        await page.setViewportSize({ ...size, height: Math.max(height, size.height) });
        await page.screenshot({ path: `${folder}/${entry.name}-${colorScheme}-${size.width}.png` });
      }
    console.log(entry.name);
  } catch (error) {
    faults++;
    console.error(`${entry.name}: ${error.message}`);
  }
  await context.close();
}
await house.browser.close();
await house.server.remove();
demo.stop();
process.exitCode = faults ? 1 : 0;
