// The dashboard: numbers that stay true without a reload, charts over three spans, what needs attention and where to go for it.

import assert from 'node:assert/strict';
import { House } from './lib/house.mjs';
import { account, append, message } from './lib/dovecot.mjs';
import { fill } from './lib/demo.mjs';
import { eventually, uniqueName } from './lib/wait.mjs';


const house = House.open({ seed: ({ server }) => fill(server) });

/** The number of a tile. */
const tile = async (page, label) => Number((await page.locator('.tile', { hasText: label }).locator('b').innerText()).replace(/\D/g, ''));

house.test('dashboard: a new account and a new mail show up without a reload', { signedIn: true }, async ({ page, server }) => {
  await page.goto('/admin');
  await page.locator('#live:visible').waitFor();
  await page.evaluate(() => (window.sameDocument = true));
  const before = await tile(page, 'Connected');
  const user = uniqueName('live-');
  await server.api('POST', '/v1/account', account(user));
  await eventually('one more is connected', async () => (await tile(page, 'Connected')) === before + 1, 15_000);
  await append(user, message({ subject: 'Seen without a reload' }));
  await page.locator('#events').getByText('Seen without a reload').waitFor({ timeout: 20_000 });
  await server.api('DELETE', `/v1/account/${user}`);
  await eventually('one less is connected', async () => (await tile(page, 'Connected')) === before, 15_000);
  assert.equal(await page.evaluate(() => window.sameDocument), true, 'the page was not loaded anew');
});

house.test('dashboard: charts of an hour, a day and a week, with their numbers as tables', { signedIn: true }, async ({ page }) => {
  await page.goto('/admin');
  for (const span of ['24 h', '7 d', '1 h']) {
    await page.getByRole('link', { name: span, exact: true }).click();
    await page.waitForURL(/range=|\/admin$/);
    assert.equal(await page.locator('#charts svg.chart').count(), 4, span);
    for (const [name, least] of [
      ['New mail', 1],
      ['Mail sent', 1],
      ['Webhooks', 1],
      ['API calls', 1],
    ]) {
      const figure = page.locator('#charts .figures > *', { hasText: name }).first();
      const numbers = (await figure.innerText()).match(/\d+/g).map(Number);
      assert.ok(Math.max(...numbers) >= least, `${name}, ${span}`);
    }
  }
  await page.locator('#charts summary').first().click();
  assert.ok(await page.locator('#charts table').first().isVisible());
});

house.test('dashboard: accounts in trouble are named with a way to them', { signedIn: true }, async ({ page }) => {
  await page.goto('/admin');
  const attention = page.locator('#attention');
  assert.match(await attention.innerText(), /cannot log in/);
  await attention.getByRole('link', { name: 'Show accounts' }).first().click();
  await page.waitForURL('**/admin/accounts?**');
  await page.getByRole('link', { name: /warehouse/i }).first().waitFor();
});

house.test('dashboard: without scripts it shows the same numbers', { signedIn: true, javaScriptEnabled: false }, async ({ page, server }) => {
  await page.goto('/admin');
  const { total } = await server.api('GET', '/v1/accounts');
  assert.equal(await tile(page, 'All accounts'), total);
  assert.equal(await page.locator('#charts svg.chart').count(), 4);
});

house.test('dashboard: the stream of changes is open to a session and to nobody else', { signedIn: true }, async ({ page, server }) => {
  const { ask } = await import('./lib/ask.mjs');
  assert.equal((await ask(`${server.url}/admin/changes`)).status, 302);
  await page.goto('/admin/tokens');
  const user = uniqueName('stream-');
  const seen = page.evaluate(
    (user) =>
      new Promise((done, fail) => {
        const stream = new EventSource('/admin/changes');
        stream.onmessage = (event) => {
          const change = JSON.parse(event.data);
          if (change.account !== user || change.key !== 'connected') return;
          stream.close();
          done(change);
        };
        setTimeout(() => fail(new Error('no change')), 15_000);
      }),
    user,
  );
  await page.waitForTimeout(300);
  await server.api('POST', '/v1/account', account(user));
  assert.deepEqual((await seen).type, 'state');
});

