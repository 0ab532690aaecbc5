// Accounts: added by the form and by a link, tried, followed live, edited, logged, flushed, deleted; also without scripts.

import assert from 'node:assert/strict';
import { House } from './lib/house.mjs';
import { account, imap, PASSWORD } from './lib/dovecot.mjs';
import { eventually } from './lib/wait.mjs';

const house = House.open({ seed: async ({ server }) => server.settings({ serviceUrl: server.url }) });
const SIGNED = { signedIn: true };
const user = (name) => `${name}-${Date.now().toString(36)}`;
const state = async (server, id) => (await server.api('GET', `/v1/account/${encodeURIComponent(id)}`)).state;
const settled = (server, id, wanted) => eventually(`${id} ${wanted}`, async () => (await state(server, id)) === wanted, 20_000);
const badge = (page, text) => page.locator('h1 .badge', { hasText: text }).waitFor({ timeout: 20_000 });

/** Fills in the servers of the form. */
async function servers(page, login, password) {
  const { host, port } = imap();
  const reading = page.locator('section', { has: page.getByRole('heading', { name: 'IMAP: reading mail' }) });
  await reading.getByLabel('Host').fill(host);
  await reading.getByLabel('Port', { exact: true }).fill(String(port));
  await reading.getByLabel('Encryption').selectOption('starttls');
  await reading.getByLabel('User name').fill(login);
  await reading.getByLabel('Password').fill(password);
}

house.test('accounts: added by the form, tried first, and seen to be connected without a reload', SIGNED, async ({ page, server, watch }) => {
  const id = user('form');
  watch.allow(/status of 400/);
  await page.goto('/admin/accounts');
  await page.getByRole('link', { name: 'Add account' }).first().click();
  const form = page.locator('form[action^="/admin/add-account#"]');
  await form.getByLabel('Id', { exact: true }).fill(id);
  await form.getByLabel('Name', { exact: true }).fill('Added by form');
  await form.getByLabel('Address').fill('no address');
  await servers(page, id, 'wrong password');
  await page.getByRole('button', { name: 'Add account' }).last().click();
  assert.equal(await form.getByLabel('Address').getAttribute('aria-invalid'), 'true');
  assert.equal(await form.getByLabel('Name', { exact: true }).inputValue(), 'Added by form');
  await form.getByLabel('Address').fill('form@example.com');
  await servers(page, id, 'wrong password');
  await page.getByRole('button', { name: 'Try the login' }).click();
  await page.getByRole('heading', { name: 'IMAP: The user name or password is wrong' }).waitFor();
  await servers(page, id, PASSWORD);
  await page.getByRole('button', { name: 'Try the login' }).click();
  await page.getByText('IMAP: the login works.').waitFor();
  await servers(page, id, PASSWORD);
  await page.getByRole('button', { name: 'Add account' }).last().click();
  await page.getByText('The account is added').waitFor();
  await badge(page, 'Connected');
});

house.test('accounts: a wrong password is explained, corrected under Edit, and stands in the history', SIGNED, async ({ page, server }) => {
  const id = user('refused');
  await server.api('POST', '/v1/account', { ...account(id), imap: { ...account(id).imap, auth: { user: id, pass: 'wrong' } } });
  await settled(server, id, 'authenticationError');
  await page.goto('/admin/accounts?state=errors');
  await page.getByRole('link', { name: account(id).name }).first().click();
  await page.getByRole('heading', { name: 'The user name or password is wrong' }).waitFor();
  await page.getByRole('link', { name: 'Edit', exact: true }).click();
  await servers(page, id, PASSWORD);
  await page.getByRole('button', { name: 'Save' }).last().click();
  await badge(page, 'Connected');
  await page.reload();
  const history = await page.locator('.timeline').innerText();
  assert.match(history, /Connected[\s\S]*Login refused/);
});

house.test('accounts: what the change stream tells is not undone by a page that was asked for before', SIGNED, async ({ page, server }) => {
  const id = user('told');
  const { imap: right } = account(id);
  await server.api('POST', '/v1/account', { ...account(id), imap: { ...right, auth: { user: id, pass: 'wrong' } } });
  await settled(server, id, 'authenticationError');
  let asked, release;
  const held = new Promise((done) => (asked = done));
  const released = new Promise((done) => (release = done));
  await page.route(`**/admin/accounts/${id}`, async (route) => {
    if (route.request().resourceType() !== 'fetch') return route.continue();
    const response = await route.fetch();
    asked();
    await released;
    await route.fulfill({ response });
  });
  await page.goto(`/admin/accounts/${id}`);
  await held;
  await server.api('PUT', `/v1/account/${id}`, { imap: right });
  await badge(page, 'Connected');
  const answered = page.waitForResponse((answer) => answer.request().resourceType() === 'fetch');
  release();
  await (await answered).finished();
  await page.waitForTimeout(200);
  assert.equal(await page.locator('h1 .badge').innerText(), 'Connected');
});

house.test('accounts: the protocol log shows a login and never the password', SIGNED, async ({ page, server }) => {
  const id = user('logged');
  await server.api('POST', '/v1/account', account(id));
  await settled(server, id, 'connected');
  await page.goto(`/admin/accounts/${id}/log`);
  await page.getByRole('button', { name: 'Switch on' }).click();
  await page.getByRole('button', { name: 'Reconnect' }).click();
  await eventually('IDLE in the log', async () => {
    await page.goto(`/admin/accounts/${id}/log`);
    // The command, not the capability of the greeting.
    return /P\d+ IDLE/.test(await page.getByRole('main').innerText());
  });
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Download' }).click()]);
  assert.equal(download.suggestedFilename(), `logs.${id}.txt`);
  assert.match(await page.locator('.log').innerText(), /AUTHENTICATE PLAIN \*\*\*/);
  await page.getByRole('button', { name: 'Switch off' }).click();
  await page.getByRole('button', { name: 'Clear' }).click();
  await page.getByRole('heading', { name: 'Nothing was written' }).waitFor();
});

house.test('accounts: flush and delete ask first, and all of it works without scripts', { ...SIGNED, javaScriptEnabled: false }, async ({ page, server }) => {
  const id = user('a/b?c#d&e');
  await server.api('POST', '/v1/account', account(id, { name: 'Odd <id>', imap: account(user('odd')).imap }));
  await settled(server, id, 'connected');
  await page.goto('/admin/accounts?query=odd');
  await page.getByRole('link', { name: 'Odd <id>' }).click();
  await page.getByRole('link', { name: 'Folders' }).click();
  await page.getByRole('rowheader', { name: 'INBOX' }).waitFor();
  await page.getByRole('link', { name: 'Overview' }).click();
  await page.getByRole('link', { name: 'Flush' }).click();
  await page.getByRole('button', { name: 'Flush account' }).click();
  await page.getByText('followed again in 5 seconds').waitFor();
  await settled(server, id, 'connected');
  await page.getByRole('link', { name: 'Delete' }).click();
  await page.getByRole('link', { name: 'Keep it' }).click();
  await page.getByRole('link', { name: 'Delete' }).click();
  await page.getByRole('button', { name: 'Delete account' }).click();
  await page.getByText('is deleted').waitFor();
  await page.goto('/admin/accounts?query=odd');
  await page.getByRole('heading', { name: 'No account matches' }).waitFor();
});

house.test('accounts: a link for the owner is made, copied and leads to the form', { ...SIGNED, permissions: ['clipboard-read', 'clipboard-write'] }, async ({ page, server }) => {
  await page.goto('/admin/add-account');
  const link = page.locator('#link');
  await link.getByLabel('Name').fill('Owner');
  await link.getByLabel('Id', { exact: true }).fill(user('owner'));
  await link.getByRole('button', { name: 'Make the link' }).click();
  const url = (await page.locator('#link-url').innerText()).trim();
  assert.ok(url.startsWith(`${server.url}/accounts/new?data=`), url);
  await page.getByRole('button', { name: 'Copy' }).click();
  await page.getByRole('button', { name: 'Copied' }).waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), url);
  await page.getByRole('link', { name: 'Open the form here' }).click();
  assert.ok(page.url().startsWith(`${server.url}/accounts/new`));
});

house.test('accounts: the list is searched, filtered by state, and read page by page', SIGNED, async ({ page, server }) => {
  for (let number = 0; number < 45; number++) await server.api('POST', '/v1/account', { account: `list-${number}`, name: `Listed ${number}`, email: `listed${number}@example.com`, imap: false });
  const { total } = await server.api('GET', '/v1/accounts?query=listed&pageSize=1');
  assert.equal(total, 45);
  const rows = page.locator('tbody tr');
  await page.goto('/admin/accounts');
  await page.getByRole('searchbox').fill('listed3@');
  await page.keyboard.press('Enter');
  await page.waitForURL(/query=listed3/);
  assert.equal(await rows.count(), 1);
  const seen = new Set();
  await page.goto('/admin/accounts?query=listed');
  for (;;) {
    for (const text of await rows.allInnerTexts()) seen.add(/list-\d+/.exec(text)[0]);
    const next = page.getByRole('link', { name: /next/i });
    if (!(await next.count())) break;
    const before = page.url();
    await next.click();
    await page.waitForURL((url) => url.href !== before);
  }
  assert.equal(seen.size, 45);
  await page.goto('/admin/accounts?query=listed&state=connected');
  assert.equal(await rows.count(), 0);
});
