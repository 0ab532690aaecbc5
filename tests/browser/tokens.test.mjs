// Access tokens: made with every kind of scope and restriction, seen once, copied, used, looked at, deleted.

import assert from 'node:assert/strict';
import { House } from './lib/house.mjs';
import { ask } from './lib/ask.mjs';
import { tokenId } from './lib/pages.mjs';
import { paste } from './lib/shell.mjs';
import { eventually } from './lib/wait.mjs';

const house = House.open({
  seed: async ({ server }) => {
    await server.settings({ serviceUrl: server.url, tokenAuditLog: true });
    for (const [account, name] of [
      ['shop', 'Web shop'],
      ['support', 'Support desk'],
    ])
      await server.api('POST', '/v1/account', { account, name, email: `${account}@example.com`, imap: false });
  },
});

const SIGNED = { signedIn: true, permissions: ['clipboard-read', 'clipboard-write'] };
const bearer = (token) => ({ headers: { authorization: `Bearer ${token}` } });
const status = async (server, path, token) => (await ask(server.url + path, bearer(token))).status;

/** Opens the form, lets `choose` fill it, and creates the token; its value as the dialog shows it. */
async function create(page, description, choose = async () => {}) {
  await page.goto('/admin/tokens/new');
  await page.getByLabel('Description').fill(description);
  await choose(page);
  await page.getByRole('button', { name: 'Create token' }).click();
  const dialog = page.getByRole('dialog', { name: 'Token created' });
  await dialog.waitFor();
  const value = (await dialog.locator('#value').innerText()).trim();
  assert.match(value, /^[0-9a-f]{64}$/);
  return { value, dialog };
}

/** Copies the value, and waits until it is. */
async function keep(dialog) {
  await dialog.getByRole('button', { name: 'Copy token' }).click();
  await dialog.getByRole('button', { name: 'Copied' }).waitFor();
}

const scopes =
  (...wanted) =>
  async (page) => {
    for (const box of await page.locator('input[name=scope]').all()) await box.setChecked(wanted.includes(await box.getAttribute('value')));
  };

house.test('tokens: without any the page says what to do next; after the first it lists it', SIGNED, async ({ page, server }) => {
  for (const token of (await server.api('GET', '/v1/tokens')).tokens) if (token.id !== tokenId(await server.token())) await server.api('DELETE', `/v1/token/${token.id}`);
  await page.goto('/admin/tokens?query=nothing-is-called-so');
  assert.match(await page.getByRole('main').innerText(), /no (access )?tokens?/i);
  const { dialog } = await create(page, 'First of all', scopes('api'));
  await keep(dialog);
  await dialog.getByRole('button', { name: 'Done' }).click();
  await page.goto('/admin/tokens');
  await page.getByRole('link', { name: 'First of all' }).first().waitFor();
});

house.test('tokens: the value is shown once: copied it is the token, after reload and on its page it is gone', SIGNED, async ({ page, server }) => {
  const { value, dialog } = await create(page, 'Shown once', scopes('api'));
  await keep(dialog);
  await eventually('the clipboard has it', async () => (await page.evaluate(() => navigator.clipboard.readText())) === value);
  await dialog.getByRole('button', { name: 'Done' }).click();
  await page.waitForURL(`**/admin/tokens/${tokenId(value)}`);
  for (const look of [() => page.reload(), () => page.goto('/admin/tokens'), () => page.goto('/admin/tokens/new'), () => page.goBack()]) {
    await look();
    assert.ok(!(await page.content()).includes(value), page.url());
  }
  assert.ok(!server.logText().includes(value), 'it is not in the log');
  assert.equal(await status(server, '/v1/accounts', value), 200);
});

house.test('tokens: closing the dialog without copying is asked about first', SIGNED, async ({ page }) => {
  const { value, dialog } = await create(page, 'Not copied', scopes('api'));
  await page.keyboard.press('Escape');
  await dialog.getByText('The token was not copied').waitFor();
  await page.keyboard.press('Escape');
  assert.ok(await dialog.isVisible());
  await dialog.getByRole('button', { name: 'Close without copying' }).click();
  await page.waitForURL(`**/admin/tokens/${tokenId(value)}`);
});

house.test('tokens: the curl examples work as they are copied, with header and with query, for /v1/stats', SIGNED, async ({ page, server }) => {
  const { dialog } = await create(page, 'Examples', scopes('api', 'metrics'));
  for (const [name, expected] of [
    ['use-stats', /"accounts":/],
    ['use-stats-query', /"accounts":/],
    ['use-metrics', /^# HELP/m],
    ['use-metrics-query', /^# HELP/m],
  ]) {
    const { body, status } = await paste(await dialog.locator(`#${name}`).innerText(), server);
    assert.equal(status, 200, `${name}: ${body.slice(0, 200)}`);
    assert.match(body, expected, name);
  }
  await keep(dialog);
});

house.test('tokens: metrics alone explains Prometheus with a configuration to copy; the token reads /metrics and is refused elsewhere', SIGNED, async ({ page, server }) => {
  const { value, dialog } = await create(page, 'Prometheus', async (page) => {
    await scopes('metrics')(page);
    await page.getByText('A token for Prometheus').waitFor();
    assert.match(await page.locator('#scrape').innerText(), /scrape_configs|job_name/);
  });
  const config = await dialog.locator('#use-prometheus').innerText();
  assert.ok(config.includes(value) && config.includes(new URL(server.url).host), config);
  assert.match(config, /metrics_path: '?\/metrics|job_name/);
  const { body, status: scraped } = await paste(await dialog.locator('#use-metrics').innerText(), server);
  assert.equal(scraped, 200);
  assert.match(body, /^# TYPE/m);
  assert.equal(await dialog.locator('#use-stats').isVisible(), false, 'no example that would be refused');
  for (const path of ['/v1/stats', '/v1/accounts', '/v1/settings?webhooks=true', '/v1/changes']) assert.equal(await status(server, path, value), 403, path);
  await keep(dialog);
});

for (const [scope, paths] of [
  ['api', { '/v1/accounts': 200, '/metrics': 403 }],
  ['metrics', { '/v1/accounts': 403, '/metrics': 200 }],
  ['smtp', { '/v1/accounts': 403, '/metrics': 403 }],
  ['imap-proxy', { '/v1/accounts': 403, '/metrics': 403 }],
  ['mcp', { '/v1/accounts': 403, '/metrics': 403 }],
])
  house.test(`tokens: a token of scope ${scope} alone opens that and nothing else`, SIGNED, async ({ page, server }) => {
    const { value, dialog } = await create(page, `Scope ${scope}`, scopes(scope));
    for (const [path, expected] of Object.entries(paths)) assert.equal(await status(server, path, value), expected, path);
    const { tokens } = await server.api('GET', `/v1/tokens?query=${tokenId(value)}`);
    assert.deepEqual(tokens[0].scopes, [scope]);
    await keep(dialog);
  });

house.test('tokens: everything opens everything', SIGNED, async ({ page, server }) => {
  const { value, dialog } = await create(page, 'Everything', (page) => page.locator('input[name=reach][value=all]').check());
  assert.equal(await status(server, '/v1/accounts', value), 200);
  assert.equal(await status(server, '/metrics', value), 200);
  await keep(dialog);
});

house.test('tokens: a token of one account, picked by search, opens that account alone', SIGNED, async ({ page, server }) => {
  const { value, dialog } = await create(page, 'Of the shop', async (page) => {
    await scopes('api')(page);
    await page.locator('input[name=binding][value=one]').check();
    await page.getByLabel('Which account').pressSequentially('web sh');
    await page.getByRole('option', { name: /shop/i }).first().click();
    assert.equal(await page.getByLabel('Which account').inputValue(), 'shop');
  });
  assert.equal(await status(server, '/v1/account/shop', value), 200);
  assert.equal(await status(server, '/v1/account/support', value), 403);
  assert.equal(await status(server, '/v1/stats', value), 403);
  assert.equal(await dialog.locator('#use-stats').isVisible(), false, 'no example that would be refused');
  const own = await paste(await dialog.locator('#use-account').innerText(), server);
  assert.deepEqual([own.status, JSON.parse(own.body).account], [200, 'shop']);
  await keep(dialog);
});

house.test('tokens: the preset “Read only” reads and writes nothing; single choices narrow further', SIGNED, async ({ page, server }) => {
  const { value, dialog } = await create(page, 'Read only', async (page) => {
    await scopes('api')(page);
    await page.getByLabel(/^Read only/).check();
  });
  assert.equal(await status(server, '/v1/accounts', value), 200);
  const refused = await ask(`${server.url}/v1/account/shop`, { method: 'DELETE', ...bearer(value) });
  assert.deepEqual([refused.status, refused.json().requiredPermission?.action], [403, 'destructive']);
  await keep(dialog);

  const one = await create(page, 'Diagnostics', async (page) => {
    await scopes('api')(page);
    await page.locator('input[name=preset][value=custom]').check();
    for (const box of await page.locator('input[name=action]').all()) await box.setChecked((await box.getAttribute('value')) === 'read');
    for (const box of await page.locator('input[name=group]').all()) await box.setChecked((await box.getAttribute('value')) === 'diagnostics');
  });
  assert.equal(await status(server, '/v1/stats', one.value), 200);
  assert.equal(await status(server, '/v1/accounts', one.value), 403);
  await keep(one.dialog);
});

house.test('tokens: restrictions by address, referrer and rate hold, and the end comes', SIGNED, async ({ page, server }) => {
  const { value, dialog } = await create(page, 'Restricted', async (page) => {
    await scopes('api')(page);
    await page.getByLabel('Addresses').fill('127.0.0.0/8');
    await page.getByLabel('Referrers').fill('https://app.example.com/*');
    await page.getByLabel('Requests', { exact: true }).fill('2');
    await page.getByLabel('in how many seconds').fill('600');
    await page.getByLabel('30 days').check();
  });
  const call = (referer) => ask(`${server.url}/v1/stats`, { headers: { authorization: `Bearer ${value}`, referer } });
  assert.equal((await call('https://evil.example/')).status, 403);
  const first = await call('https://app.example.com/x');
  assert.deepEqual([first.status, first.headers['x-ratelimit-limit']], [200, '2']);
  await call('https://app.example.com/x');
  assert.equal((await call('https://app.example.com/x')).status, 429);
  const { tokens } = await server.api('GET', `/v1/tokens?query=${tokenId(value)}`);
  assert.ok(Math.abs(new Date(tokens[0].expires) - Date.now() - 30 * 86400_000) < 600_000, tokens[0].expires);
  await keep(dialog);
  await page.goto('/admin/tokens/new');
  const elsewhere = await create(page, 'From elsewhere', async (page) => {
    await scopes('api')(page);
    await page.getByLabel('Addresses').fill('192.0.2.0/24');
  });
  assert.equal(await status(server, '/v1/stats', elsewhere.value), 403);
  await keep(elsewhere.dialog);
});

house.test('tokens: faults are shown at their fields and nothing is made', SIGNED, async ({ page, server, watch }) => {
  watch.allow(/status of 400/);
  const before = (await server.api('GET', '/v1/tokens')).total;
  await page.goto('/admin/tokens/new');
  await page.getByLabel('Addresses').fill('not an address');
  await page.locator('input[name=binding][value=one]').check();
  await page.getByRole('button', { name: 'Create token' }).click();
  await page.locator('#faults').waitFor();
  assert.ok(await page.locator('[aria-invalid=true]').count());
  assert.equal((await server.api('GET', '/v1/tokens')).total, before);
  // A fault is said until its field is changed.
  const addresses = page.getByLabel('Addresses');
  assert.equal(await addresses.getAttribute('aria-invalid'), 'true');
  await addresses.fill('192.0.2.0/24');
  assert.equal(await addresses.getAttribute('aria-invalid'), null);
  assert.equal(await page.getByText('Write IP addresses or networks').isVisible(), false);
  assert.ok(await page.locator('[aria-invalid=true]').count(), 'others stay');
});

house.test('tokens: search and filters find what they should', SIGNED, async ({ page, server }) => {
  for (const [description, scope] of [
    ['Needle in the haystack', 'smtp'],
    ['Another', 'api'],
  ])
    await server.command('tokens', 'issue', '-d', description, '-s', scope);
  await page.goto('/admin/tokens');
  await page.getByLabel('Search').fill('needle');
  await page.keyboard.press('Enter');
  await page.waitForURL(/query=needle/);
  assert.equal(await page.locator('tbody tr').count(), 1);
  await page.goto('/admin/tokens?query=haystack');
  await page.getByLabel('Scope').selectOption('smtp');
  await page.waitForURL(/scope=smtp/);
  assert.equal(await page.locator('tbody tr').count(), 1);
  await page.goto('/admin/tokens?query=haystack&scope=api');
  assert.equal(await page.locator('tbody tr').count(), 0);
});

house.test('tokens: the page of a token shows its last use and its audit log', SIGNED, async ({ page, server }) => {
  const value = await server.command('tokens', 'issue', '-d', 'Audited', '-s', 'metrics');
  await status(server, '/metrics', value);
  await status(server, '/v1/accounts', value);
  const log = page.locator('#log');
  await eventually('the log shows both requests', async () => {
    await page.goto(`/admin/tokens/${tokenId(value)}`);
    return (await log.locator('tbody tr').count()) === 2;
  });
  assert.match(await log.innerText(), /Denied: scope/);
  assert.match(await page.getByRole('main').innerText(), /from 127\.0\.0\.1/);
});

house.test('tokens: the prepared token makes the same value work on another instance', SIGNED, async ({ page, server }) => {
  const { Server } = await import('./lib/server.mjs');
  const { value, dialog } = await create(page, 'Moves house', scopes('api'));
  const prepared = (await dialog.locator('#export').textContent()).trim();
  assert.ok(!prepared.includes(value));
  await keep(dialog);
  const other = await Server.start({ env: { EENGINE_PREPARED_TOKEN: prepared } });
  try {
    assert.equal(await status(other, '/v1/accounts', value), 200);
  } finally {
    await other.remove();
  }
  assert.equal(await status(server, '/v1/accounts', value), 200);
});

house.test('tokens: deleting asks first, and ends the token within a second', SIGNED, async ({ page, server, watch }) => {
  watch.allow(/status of 404/);
  const value = await server.command('tokens', 'issue', '-d', 'To be deleted', '-s', 'api');
  assert.equal(await status(server, '/v1/accounts', value), 200);
  await page.goto(`/admin/tokens/${tokenId(value)}`);
  await page.getByRole('link', { name: 'Delete' }).click();
  await page.getByRole('heading', { name: 'Delete this token?' }).waitFor();
  await page.getByRole('link', { name: 'Keep it' }).click();
  assert.equal(await status(server, '/v1/accounts', value), 200);
  await page.getByRole('link', { name: 'Delete' }).click();
  await page.getByRole('button', { name: 'Delete token' }).click();
  await page.waitForURL('**/admin/tokens');
  await eventually('the token is refused', async () => (await status(server, '/v1/accounts', value)) === 401, 1000);
  assert.equal((await page.goto(`/admin/tokens/${tokenId(value)}`)).status(), 404);
});

house.test('tokens: without JavaScript the form makes a token and shows it on a page, once', { signedIn: true, javaScriptEnabled: false }, async ({ page, server }) => {
  await page.goto('/admin/tokens/new');
  await page.getByLabel('Description').fill('No script');
  for (const box of await page.locator('input[name=scope]').all()) await box.setChecked((await box.getAttribute('value')) === 'api');
  await page.getByRole('button', { name: 'Create token' }).click();
  await page.getByRole('heading', { name: 'Token created' }).waitFor();
  const value = (await page.locator('#value').innerText()).trim();
  assert.equal(await status(server, '/v1/accounts', value), 200);
  await page.goto(`/admin/tokens/${tokenId(value)}`);
  assert.ok(!(await page.content()).includes(value));
});
