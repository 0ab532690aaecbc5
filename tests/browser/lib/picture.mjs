// What a page looks like: light and dark, wide and on a phone.

import { PHONE, WIDE } from './house.mjs';

/** Writes FOLDER/NAME-light-1440.png and its three siblings. */
export async function pictures(page, folder, name) {
  const before = page.viewportSize();
  for (const colorScheme of ['light', 'dark'])
    for (const size of [WIDE, PHONE]) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await page.setViewportSize(size);
      // A window as high as the page: what sticks to an edge is where it is at the end of scrolling, not across the middle.
      const height = await page.evaluate(() => document.documentElement.scrollHeight);
      await page.setViewportSize({ ...size, height: Math.max(height, size.height) });
      await page.screenshot({ path: `${folder}/${name}-${colorScheme}-${size.width}.png` });
    }
  await page.setViewportSize(before);
}
