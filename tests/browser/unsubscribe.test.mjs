// Leaving a list by a link of a message and coming back: in the reader's language, with and without scripts.

import assert from 'node:assert/strict';
import { House, PHONE } from './lib/house.mjs';
import { unsubscribe } from './lib/pages.mjs';
import { uniqueName } from './lib/wait.mjs';

const house = House.open({
  seed: async ({ server }) => {
    await server.api('POST', '/v1/account', { account: 'news', name: 'News', email: 'news@example.com', smtp: { host: '127.0.0.1', port: 9, auth: { user: 'a', pass: 'b' } } });
  },
});

/** The entries of the list; none when there is no list. */
async function entries(server, recipient) {
  const { blocklists } = await server.api('GET', '/v1/blocklists');
  if (!blocklists.length) return [];
  const { addresses } = await server.api('GET', '/v1/blocklist/spring-offers?pageSize=1000');
  return addresses.filter((entry) => entry.recipient === recipient);
}

for (const [locale, words] of [
  ['de-DE', { language: 'de', leave: 'Abmelden', left: 'Sie sind abgemeldet', back: 'Wieder anmelden', returned: 'Sie sind wieder angemeldet' }],
  ['ja-JP', { language: 'ja', leave: '配信を停止する', left: '配信を停止しました', back: '配信を再開する', returned: '配信を再開しました' }],
])
  for (const javaScriptEnabled of [true, false])
    house.test(`unsubscribe: out and back in ${words.language}, ${javaScriptEnabled ? 'with' : 'without'} scripts`, { locale, javaScriptEnabled, viewport: PHONE }, async ({ page, server }) => {
      const recipient = `${uniqueName('reader-')}@example.net`;
      await page.goto(await unsubscribe(server, 'news', recipient));
      assert.equal(await page.locator('html').getAttribute('lang'), words.language);
      const text = await page.locator('main').innerText();
      assert.ok(text.includes(recipient) && text.includes('spring-offers'), text);
      assert.deepEqual(await entries(server, recipient), [], 'looking changes nothing');

      await page.getByRole('button', { name: words.leave, exact: true }).click();
      await page.getByRole('heading', { name: words.left, exact: true }).waitFor();
      const [entry] = await entries(server, recipient);
      assert.deepEqual([entry.source, entry.reason], ['form', 'unsubscribe']);

      await page.getByRole('button', { name: words.back, exact: true }).click();
      await page.getByRole('heading', { name: words.returned, exact: true }).waitFor();
      assert.deepEqual(await entries(server, recipient), []);
    });

house.test('unsubscribe: another language is chosen on the page and stays', { locale: 'en-GB' }, async ({ page, server }) => {
  await page.goto(await unsubscribe(server, 'news', 'ann@example.net'));
  await page.getByRole('link', { name: 'Français', exact: true }).click();
  await page.getByRole('button', { name: 'Se désabonner', exact: true }).click();
  await page.getByRole('heading', { name: 'Vous êtes désabonné', exact: true }).waitFor();
  assert.equal(await page.locator('html').getAttribute('lang'), 'fr');
  assert.equal((await entries(server, 'ann@example.net')).length, 1);
});
