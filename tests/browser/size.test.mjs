// What a page weighs: HTML, style and scripts, uncompressed.

import assert from 'node:assert/strict';
import { House } from './lib/house.mjs';
import { PAGES, pathOf } from './lib/pages.mjs';
import { fill } from './lib/demo.mjs';

const MOST = 150_000;

let demo;
const house = House.open({
  seed: async (house) => {
    await house.server.settings({ serviceUrl: house.server.url });
    return (demo = await fill(house.server, { settled: false }));
  },
});

for (const signedIn of [false, true])
  house.test(`size: every page ${signedIn ? 'of the console' : 'for everybody'} is below 150 kB of HTML, CSS and JavaScript`, { signedIn }, async ({ page, watch, server }) => {
    watch.allow(/status of 40[34]/);
    const sizes = new Map();
    for (const entry of PAGES.filter((entry) => Boolean(entry.signedIn) === signedIn)) {
      let bytes = 0;
      const files = [];
      const weigh = async (answer) => {
        if (!['document', 'stylesheet', 'script', 'font'].includes(answer.request().resourceType())) return;
        const size = (await answer.body().catch(() => Buffer.alloc(0))).length;
        bytes += size;
        files.push(`${new URL(answer.url()).pathname} ${size}`);
      };
      const weighing = [];
      const listener = (answer) => weighing.push(weigh(answer));
      page.on('response', listener);
      await page.goto(await pathOf(entry, demo, server), { waitUntil: 'load' });
      await Promise.all(weighing);
      page.off('response', listener);
      sizes.set(entry.name, bytes);
      assert.ok(bytes > 1000 && bytes < MOST, `${entry.name}: ${bytes} bytes\n${files.join('\n')}`);
    }
    const [name, most] = [...sizes].sort((a, b) => b[1] - a[1])[0];
    console.log(`heaviest: ${name}, ${most} bytes`);
  });
