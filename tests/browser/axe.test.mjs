// Every page of the table: axe-core in light and dark, wide and narrow; no scrolling sideways; targets big enough; focus visible.

import assert from 'node:assert/strict';
import { House, PHONE, WIDE } from './lib/house.mjs';
import { PAGES, pathOf } from './lib/pages.mjs';
import { apart, bigEnough, clean, fits, showsFocus } from './lib/axe.mjs';
import { fill } from './lib/demo.mjs';

let demo;
const house = House.open({
  seed: async (house) => {
    await house.server.settings({ serviceUrl: house.server.url });
    return (demo = await fill(house.server));
  },
});

for (const entry of PAGES)
  house.test(`accessible: ${entry.name}`, { signedIn: entry.signedIn }, async ({ page, watch, server }) => {
    if (entry.status) watch.allow(new RegExp(`status of ${entry.status}`));
    const answer = await page.goto(await pathOf(entry, demo, server));
    assert.equal(answer.status(), entry.status ?? 200);
    // All rules at both widths, contrast in the other colours of each.
    const looks = [
      ['light', WIDE, {}],
      ['dark', WIDE, { contrast: true }],
      ['dark', PHONE, {}],
      ['light', PHONE, { contrast: true }],
    ];
    for (const [colorScheme, size, rules] of looks) {
      if (entry.alike && rules.contrast) continue;
      const where = `${entry.name}, ${colorScheme}, ${size.width} px`;
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await page.setViewportSize(size);
      await clean(page, where, rules);
      await fits(page, where);
      await apart(page, where);
    }
    await bigEnough(page, entry.name);
    assert.equal(await page.locator('h1').count(), 1, 'one h1');
    assert.ok(await page.locator('html').getAttribute('lang'));
    for (let step = 0; step < 4; step++) {
      await page.keyboard.press('Tab');
      if (await page.evaluate(() => document.activeElement === document.body)) break;
      await showsFocus(page, `${entry.name}, step ${step}`);
    }
  });
