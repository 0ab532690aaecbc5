// Every page as PNG, light and dark, 1440 and 390 px wide: node screenshots.mjs FOLDER. Run by screenshots.sh.

import { mkdirSync, rmSync } from 'node:fs';
import { Server } from './lib/server.mjs';
import { House, PASSWORD } from './lib/house.mjs';
import { launch } from './lib/browser.mjs';
import { PAGES, pathOf } from './lib/pages.mjs';
import { pictures } from './lib/picture.mjs';
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
    await pictures(page, folder, entry.name);
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
