// Every page without JavaScript: it is there, says what it is, and its forms can be sent.

import assert from 'node:assert/strict';
import { House } from './lib/house.mjs';
import { PAGES, pathOf, SETTINGS } from './lib/pages.mjs';
import { fill } from './lib/demo.mjs';
import { allKeys } from './lib/settings.mjs';

let demo;
const house = House.open({
  seed: async ({ server }) => {
    await server.settings({ serviceUrl: server.url });
    return (demo = await fill(server, { settled: false }));
  },
});

for (const signedIn of [false, true])
  house.test(`no script: every page ${signedIn ? 'of the console' : 'for everybody'} shows its head and its content`, { signedIn, javaScriptEnabled: false }, async ({ page, watch, server }) => {
    watch.allow(/status of 40[34]/);
    for (const entry of PAGES.filter((entry) => Boolean(entry.signedIn) === signedIn)) {
      const answer = await page.goto(await pathOf(entry, demo, server));
      assert.equal(answer.status(), entry.status ?? 200, entry.name);
      assert.ok(await page.locator('h1').first().isVisible(), `${entry.name}: h1`);
      const text = await page.locator('main').innerText();
      assert.ok(text.length > 20, `${entry.name}: ${text}`);
      // A form that needs a script is not offered, or the page says so.
      for (const form of await page.locator('main form').all()) {
        if (!(await form.isVisible())) continue;
        const sends = (await form.getAttribute('method'))?.toLowerCase();
        if (sends) assert.ok(await form.locator('button:not([type=button]), input[type=submit]').count(), `${entry.name}: a form without a button to send it`);
        else assert.match(text, /JavaScript/, `${entry.name}: a form that only a script sends, without a word`);
      }
    }
  });

house.test('no script: every group of settings is saved as it was, and nothing changes', { signedIn: true, javaScriptEnabled: false }, async ({ page, server }) => {
  await server.settings({
    webhooksCustomHeaders: [{ key: 'X-Secret', value: 'kept' }],
    webhooks: 'http://user:kept@127.0.0.1:9/hooks',
    openAiAPIKey: 'sk-kept',
    smtpServerPassword: 'kept and long enough',
  });
  const state = async () => server.api('GET', `/v1/settings?${(await allKeys(server)).map((key) => `${key}=true`).join('&')}`);
  const before = await state();
  for (const slug of SETTINGS) {
    await page.goto(`/admin/config/${slug}`);
    const save = page.locator('main form[method=post] button.primary').first();
    if (!(await save.count())) continue;
    await save.click();
    assert.match(page.url(), new RegExp(`/admin/config/${slug}`), slug);
    assert.equal(await page.locator('[aria-invalid=true]').count(), 0, slug);
    assert.match(await page.locator('.flash').innerText(), /saved|changed/i, slug);
  }
  assert.deepEqual(await state(), before);
});
