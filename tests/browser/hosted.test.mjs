// The hosted form: whoever holds a link connects a mailbox, in their language, with or without scripts, and comes back to where they were.

import assert from 'node:assert/strict';
import { after } from 'node:test';
import { House } from './lib/house.mjs';
import { Provider } from './lib/provider.mjs';
import { Receiver } from './lib/receiver.mjs';
import { hosted } from './lib/pages.mjs';
import { uniqueName } from './lib/wait.mjs';
import { imap } from './lib/dovecot.mjs';

// The server has to know the provider when it starts.
const [provider, application] = await Promise.all([Provider.start(), Receiver.start()]);
application.routes.set('/back', () => ({ headers: { 'content-type': 'text/html' }, body: '<!doctype html><title>Application</title><link rel="icon" href="data:,"><h1>Welcome back</h1>' }));
after(() => {
  provider.stop();
  application.stop();
});

const house = House.open({ env: provider.env, seed: ({ server }) => server.settings({ serviceUrl: server.url }) });

/** A link for a new account. */
async function link(server, more = {}) {
  const account = uniqueName('hosted-');
  const email = `${account}@${provider.domain}`;
  return { account, email, path: await hosted(server, { account, name: '', email: '', redirectUrl: `${application.url}/back?shop=7`, ...more }) };
}

const password = (page) => page.locator('input[type=password]:visible').first();
const next = (page) => page.locator('form button.primary').first();

for (const [locale, words] of [
  ['de-DE', { language: 'de', name: 'Jürgen Groß' }],
  ['ja-JP', { language: 'ja', name: '佐藤 花子' }],
])
  for (const javaScriptEnabled of [true, false])
    house.test(`hosted: the whole way in ${words.language}, ${javaScriptEnabled ? 'with' : 'without'} scripts: found, tried, connected, back at the application`, { locale, javaScriptEnabled }, async ({ page, watch, server }) => {
      watch.origins.push(application.url);
      const { account, email, path } = await link(server);
      await page.goto(path);
      assert.equal(await page.locator('html').getAttribute('lang'), words.language);
      await page.locator('input[name=name]').fill(words.name);
      await page.locator('input[name=email]').fill(email);
      await password(page).fill('pass');
      await next(page).click();

      await page.locator('input[name=imap_host]').waitFor({ state: 'attached' });
      assert.equal(await page.locator('html').getAttribute('lang'), words.language);
      assert.equal(await page.locator('input[name=imap_host]').inputValue(), imap().host);
      assert.equal(await page.locator('input[name=imap_port]').inputValue(), String(imap().port));
      assert.equal(await page.locator('input[name=smtp_port]').inputValue(), String(provider.smtp.port));
      assert.equal(await page.locator('input[name=imap_auth_user]').inputValue(), account);
      // With scripts the password stays in the page; without, it is typed again, as no page repeats it.
      const kept = await page.locator('input[name=imap_auth_pass]').inputValue();
      assert.equal(kept, javaScriptEnabled ? 'pass' : '');
      assert.ok(!(await page.content()).includes('value="pass"'));
      if (!javaScriptEnabled) await page.locator('input[name=imap_auth_pass]').fill('pass');
      await next(page).click();

      await page.waitForURL(`${application.url}/back?**`);
      const back = new URL(page.url());
      assert.deepEqual(Object.fromEntries(back.searchParams), { shop: '7', account, state: 'new' });
      const stored = await server.waitState(account, 'connected');
      assert.deepEqual([stored.name, stored.email], [words.name, email]);
      await page.goto(path).then((answer) => assert.equal(answer.status(), 403, 'the link works once'));
      watch.allow(/status of 403/);
    });

house.test('hosted: a wrong password is said in the language of the visitor, and corrected on the same page', { locale: 'de-DE' }, async ({ page, watch, server }) => {
  watch.origins.push(application.url);
  watch.allow(/status of 4/);
  const { account, email, path } = await link(server);
  await page.goto(path);
  await page.locator('input[name=email]').fill(email);
  await password(page).fill('wrong');
  await next(page).click();
  await page.locator('[data-test-button]').click();
  await page.locator('[data-said] .callout.bad').first().waitFor();
  assert.match(await page.locator('[data-said]').innerText(), /Passwort|Anmeldung|Benutzername/);
  await next(page).click();
  await page.locator('.callout.bad[role=alert]').first().waitFor();
  await assert.rejects(server.api('GET', `/v1/account/${account}`), /404/, 'nothing is stored');
  await page.locator('input[name=imap_auth_pass]').fill('pass');
  await page.locator('[data-test-button]').click();
  await page.locator('[data-said] .callout.ok').first().waitFor();
  await next(page).click();
  await page.waitForURL(`${application.url}/back?**`);
  await server.waitState(account, 'connected');
});

house.test('hosted: an unknown domain gets an empty server form to fill in', {}, async ({ page, watch, server }) => {
  watch.origins.push(application.url);
  const { account, path } = await link(server);
  await page.goto(path);
  await page.locator('input[name=email]').fill(`${account}@unknown.example`);
  await password(page).fill('pass');
  await next(page).click();
  await page.locator('input[name=imap_host]').waitFor();
  await page.locator('input[name=imap_auth_user]').fill(account);
  await page.locator('input[name=imap_host]').fill(imap().host);
  await page.locator('input[name=imap_port]').fill(String(imap().port));
  await page.locator('input[name=imap_secure]').setChecked(false);
  await page.locator('input[name=smtp_host]').fill('127.0.0.1');
  await page.locator('input[name=smtp_port]').fill(String(provider.smtp.port));
  await page.locator('input[name=smtp_secure]').setChecked(false);
  await next(page).click();
  await page.waitForURL(`${application.url}/back?**`);
  await server.waitState(account, 'connected');
});

house.test('hosted: every language has its own words, and the choice of a language stays on the way', {}, async ({ page, watch, server }) => {
  watch.allow(/status of 400/);
  const { path } = await link(server);
  const heads = new Map();
  await page.goto(path);
  const languages = await page.locator('.hosted-languages a').evaluateAll((links) => links.map((link) => [link.lang, link.getAttribute('href')]));
  assert.deepEqual(languages.map(([code]) => code).sort(), ['de', 'en', 'et', 'fr', 'ja', 'nl', 'pl']);
  for (const [code, address] of languages) {
    await page.goto(address);
    assert.equal(await page.locator('html').getAttribute('lang'), code);
    heads.set(code, await page.locator('h1').innerText());
  }
  assert.equal(new Set(heads.values()).size, 7, JSON.stringify([...heads]));
  await page.goto(languages.find(([code]) => code === 'pl')[1]);
  await page.locator('input[name=email]').fill('not an address');
  await next(page).click();
  await page.locator('[aria-invalid=true]').first().waitFor();
  assert.equal(await page.locator('html').getAttribute('lang'), 'pl');
});

house.test('hosted: a language that is not there falls back to English', { locale: 'xx' }, async ({ page, server }) => {
  await page.goto((await link(server)).path);
  assert.equal(await page.locator('html').getAttribute('lang'), 'en');
});

house.test('hosted: a link that was changed is refused with a page that says so', {}, async ({ page, watch, server }) => {
  watch.allow(/status of 403/);
  const { path } = await link(server);
  const url = new URL(path, server.url);
  const data = JSON.parse(Buffer.from(url.searchParams.get('data'), 'base64url'));
  url.searchParams.set('data', Buffer.from(JSON.stringify({ ...data, redirectUrl: 'https://evil.example/' })).toString('base64url'));
  const answer = await page.goto(url.pathname + url.search);
  assert.equal(answer.status(), 403);
  assert.equal(await page.locator('form[method=post]').count(), 0);
});

house.test('hosted: an address that the link expects cannot be changed', {}, async ({ page, watch, server }) => {
  watch.allow(/status of 4/);
  const { account } = await link(server);
  const email = `${account}@${provider.domain}`;
  await page.goto(await hosted(server, { account, email, expectedEmail: email, name: '' }));
  const field = page.locator('input[name=email]');
  assert.equal(await field.inputValue(), email);
  await field.evaluate((element) => {
    element.readOnly = false;
    element.value = 'other@firma.example';
  });
  await password(page).fill('pass');
  await next(page).click();
  await page.locator('.callout.bad, [aria-invalid=true]').first().waitFor();
});

house.test('hosted: testing servers is limited for one link', {}, async ({ page, watch, server }) => {
  watch.allow(/status of 429/);
  const { path } = await link(server);
  await page.goto(path);
  const url = new URL(path, server.url);
  const statuses = await page.evaluate(
    async ({ data, sig }) => {
      const crumb = document.querySelector('input[name=crumb]').value;
      const found = [];
      for (let number = 0; number < 52; number++) {
        const body = new URLSearchParams({ crumb, data, sig, imap_host: '127.0.0.1', imap_port: '9', imap_auth_user: 'x', imap_auth_pass: 'x', smtp_host: '127.0.0.1', smtp_port: '9' });
        found.push((await fetch('/accounts/new/imap/test', { method: 'POST', body, headers: { 'X-CSRF-Token': crumb } })).status);
      }
      return found;
    },
    { data: url.searchParams.get('data'), sig: url.searchParams.get('sig') },
  );
  assert.ok(statuses.slice(0, 50).every((status) => status !== 429) || statuses.includes(429), String(statuses));
  assert.equal(statuses.at(-1), 429, String(statuses));
});
