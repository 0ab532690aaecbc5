// The token flow with nothing but the keyboard: from the login to the deleted token. What has the focus shows it, at every step.

import assert from 'node:assert/strict';
import { House, PASSWORD } from './lib/house.mjs';
import { showsFocus } from './lib/axe.mjs';
import { tokenId } from './lib/pages.mjs';
import { ask } from './lib/ask.mjs';
import { eventually } from './lib/wait.mjs';

const house = House.open();

/** Presses Tab until `matches` is true of what has the focus. Every stop must show that it has it. */
async function tabTo(page, what, matches, most = 80, key = 'Tab') {
  for (let step = 0; step < most; step++) {
    await page.keyboard.press(key);
    const found = await page.evaluate(() => {
      const element = document.activeElement;
      const labels = [...(element.labels ?? [])].map((label) => label.innerText).join(' ');
      return { tag: element.localName, type: element.type, name: element.name, value: element.value, id: element.id, text: element.innerText?.trim(), href: element.getAttribute('href'), labels };
    });
    if (found.tag === 'body') continue;
    await showsFocus(page, `${what}, ${found.tag} ${found.text ?? found.name}`);
    if (matches(found)) return found;
  }
  throw new Error(`${what} is not reached by ${most} tabs`);
}

for (const [name, viewport] of [
  ['wide', { width: 1440, height: 900 }],
  ['at phone width', { width: 390, height: 844 }],
])
  house.test(`keyboard: login, a new token, copied, used, deleted, ${name}`, { permissions: ['clipboard-read', 'clipboard-write'], viewport }, async ({ page, server }) => {
    await page.goto('/admin/login?next=%2Fadmin%2Ftokens');
    if ((await page.evaluate(() => document.activeElement.name)) !== 'username') await tabTo(page, 'the user name', (found) => found.name === 'username');
    await page.keyboard.type('admin');
    await page.keyboard.press('Tab');
    await page.keyboard.type(PASSWORD);
    await page.keyboard.press('Enter');
    await page.waitForURL('**/admin/tokens');

    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate(() => document.activeElement.innerText), 'Skip to content', 'the first stop skips the navigation');
    await page.keyboard.press('Enter');
    await tabTo(page, 'Create token', (found) => found.text === 'Create token', 6);
    await page.keyboard.press('Enter');
    await page.waitForURL('**/admin/tokens/new');

    await tabTo(page, 'the description', (found) => found.name === 'description');
    await page.keyboard.type(`By keyboard, ${name}`);
    await tabTo(page, 'the scope metrics', (found) => found.name === 'scope' && found.value === 'metrics');
    await page.keyboard.press('Space');
    await tabTo(page, 'the scope api', (found) => found.name === 'scope' && found.value === 'api', 20, 'Shift+Tab');
    if (await page.evaluate(() => document.activeElement.checked)) await page.keyboard.press('Space');
    await tabTo(page, 'the expiry', (found) => found.name === 'expires');
    await page.keyboard.press('ArrowDown');
    await tabTo(page, 'Create token', (found) => found.id === 'create');
    await page.keyboard.press('Enter');

    const dialog = page.getByRole('dialog');
    await dialog.waitFor();
    const value = (await page.locator('#value').innerText()).trim();
    assert.ok(await page.evaluate(() => document.querySelector('dialog').contains(document.activeElement)), 'the focus is in the dialog');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'copy-value');
    await showsFocus(page, 'the copy button');
    await page.keyboard.press('Enter');
    await eventually('the clipboard has the token', async () => (await page.evaluate(() => navigator.clipboard.readText())) === value);
    for (let step = 0; step < 30; step++) {
      await page.keyboard.press('Tab');
      const inside = await page.evaluate(() => document.activeElement === document.body || document.querySelector('dialog').contains(document.activeElement));
      assert.ok(inside, 'the focus stays in the dialog');
    }
    await page.keyboard.press('Escape');
    await page.waitForURL(`**/admin/tokens/${tokenId(value)}`);
    const scraped = await ask(`${server.url}/metrics`, { headers: { authorization: `Bearer ${value}` } });
    assert.equal(scraped.status, 200);

    await tabTo(page, 'Delete', (found) => found.text === 'Delete');
    await page.keyboard.press('Enter');
    await page.waitForURL('**/delete');
    await tabTo(page, 'Delete token', (found) => found.text === 'Delete token');
    await page.keyboard.press('Enter');
    await page.waitForURL('**/admin/tokens');
    await eventually('the token is refused', async () => (await ask(`${server.url}/metrics`, { headers: { authorization: `Bearer ${value}` } })).status === 401, 1000);
  });
