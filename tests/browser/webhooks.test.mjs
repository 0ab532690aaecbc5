// Webhook routes: made, tried, changed by two people at once, failing, cleared, deleted; without scripts of the page's own.

import assert from 'node:assert/strict';
import { House, PASSWORD } from './lib/house.mjs';
import { Console } from './lib/console.mjs';
import { Receiver } from './lib/receiver.mjs';
import { eventually } from './lib/wait.mjs';

let receiver;
const house = House.open({
  seed: async ({ server }) => {
    receiver = await Receiver.start();
    await server.settings({ serviceUrl: server.url, webhooksEnabled: true, webhookEvents: [], scriptEnv: '{"suffix":"!"}' });
    return receiver;
  },
});

const SIGNED = { signedIn: true, javaScriptEnabled: false };
const FILTER = "logger.info('asked', payload.event); return payload.event === 'accountAdded' || payload.event === 'messageNew';";
const MAP = 'return { event: payload.event, account: payload.account + env.suffix };';
const stored = (server, id) => server.api('GET', `/v1/webhookRoutes/webhookRoute/${id}`);
const register = (server, account) => server.api('POST', '/v1/account', { account, name: account, email: `${account}@example.com`, imap: false });
const faults = (page) => page.locator('[aria-invalid=true]').evaluateAll((fields) => fields.map((field) => field.name));

/** Makes a route by the form; its id. */
async function make(page, { name, path = '/hook', filter = FILTER, map = MAP, headers = '', password = '' }) {
  await page.goto('/admin/webhooks/new');
  await page.getByLabel('Name', { exact: true }).fill(name);
  await page.getByLabel('URL', { exact: true }).fill(receiver.url.replace('//', password ? `//user:${password}@` : '//') + path);
  await page.getByLabel('Headers').fill(headers);
  await page.getByLabel('Filter').fill(filter);
  await page.getByLabel('Map').fill(map);
  await page.getByRole('button', { name: 'Make the route' }).click();
  await page.getByText('The route is made').waitFor();
  return new URL(page.url()).pathname.split('/').pop();
}

house.test('webhooks: without any route the page says what one is', SIGNED, async ({ page }) => {
  await page.goto('/admin/webhooks');
  await page.getByRole('heading', { name: 'No routes yet' }).waitFor();
  await page.getByRole('navigation').getByRole('link', { name: 'Webhook routes' }).waitFor();
});

house.test('webhooks: every fault of the form is named at once, and nothing that was typed is lost', SIGNED, async ({ page, watch }) => {
  watch.allow(/status of 400/);
  await page.goto('/admin/webhooks/new');
  await page.getByLabel('URL', { exact: true }).fill('ftp://example.com');
  await page.getByLabel('Headers').fill('two words: x');
  await page.getByLabel('Filter').fill('const a = 1;\nreturn a +;');
  await page.getByLabel('Map').fill('return {');
  await page.getByRole('button', { name: 'Make the route' }).click();
  await page.getByText('5 fields need another look').waitFor();
  assert.deepEqual(await faults(page), ['name', 'targetUrl', 'customHeaders', 'fn', 'map']);
  assert.match(await page.locator('#fn-error').innerText(), /line 2, column \d+/);
  assert.equal(await page.getByLabel('Filter').inputValue(), 'const a = 1;\nreturn a +;');
});

house.test('webhooks: made, tried, sent, and taken by real events; secrets are masked and stay', SIGNED, async ({ page, server }) => {
  const id = await make(page, { name: 'To the books', password: 'pw-4711', headers: 'X-Key: secret\nX-Empty:' });
  assert.ok(!(await page.content()).includes('pw-4711'));
  assert.ok(!(await page.content()).includes('X-Key: secret'));
  // Tried over the sample, then over a payload of one's own, then sent.
  await page.getByRole('button', { name: 'Run the scripts' }).click();
  await page.getByText('The filter lets it pass.').waitFor();
  const result = page.locator('.route-result');
  assert.match(await result.innerText(), /"account": "example!"/);
  assert.match(await result.innerText(), /info: asked/);
  await page.locator('summary', { hasText: 'Payload of your own' }).click();
  await page.locator('#payload').fill('{"event":"exportFailed"}');
  await page.getByRole('button', { name: 'Run the scripts' }).click();
  await page.getByText('The filter does not let it pass.').waitFor();
  await page.locator('#payload').fill('{"event":"accountAdded","account":"tried"}');
  await page.getByRole('button', { name: 'Run and send' }).click();
  await page.getByText('Delivered.').waitFor();
  const tried = receiver.seen.find((entry) => entry.json?.account === 'tried!');
  assert.equal(tried.headers['x-key'], 'secret');
  assert.equal(tried.headers['x-ee-wh-custom-route'], id);
  assert.equal(tried.headers.authorization, `Basic ${Buffer.from('user:pw-4711').toString('base64')}`);
  assert.equal((await stored(server, id)).tcount, 0);

  // Saved with its masks, it sends what it sent.
  await page.goto(`/admin/webhooks/${id}`);
  await page.getByLabel('Description').fill('Every new account');
  await page.getByRole('button', { name: 'Save' }).last().click();
  await page.getByText('The route is changed.').waitFor();
  await register(server, 'real');
  const real = await eventually('the event', () => receiver.seen.find((entry) => entry.json?.account === 'real!'));
  assert.equal(real.headers['x-key'], 'secret');
  assert.equal(real.headers.authorization, tried.headers.authorization);
  const route = await eventually('the count', async () => {
    const route = await stored(server, id);
    return route.tcount === 1 && route;
  });
  assert.equal(route.v, 2);
  await page.goto('/admin/webhooks?query=BOOKS');
  assert.match(await page.getByRole('main').innerText(), /1 route found/);
  assert.match(await page.getByRole('row', { name: /To the books/ }).innerText(), /On/);
});

house.test('webhooks: stored headers are not sent to another address', SIGNED, async ({ page, watch }) => {
  watch.allow(/status of 400/);
  const id = await make(page, { name: 'Guarded', headers: 'X-Key: guarded-secret' });
  const other = await Receiver.start();
  await page.goto(`/admin/webhooks/${id}`);
  await page.getByLabel('URL', { exact: true }).fill(`${other.url}/elsewhere`);
  await page.getByRole('button', { name: 'Run and send' }).click();
  await page.getByText('stored ones are sent to the stored target alone').waitFor();
  await page.getByText('The scripts were not run.').waitFor();
  assert.deepEqual(other.seen, []);
  other.stop();
});

house.test('webhooks: whoever saves second is told that the route was changed', SIGNED, async ({ page, context, watch }) => {
  watch.allow(/status of 409/);
  const id = await make(page, { name: 'Shared' });
  const second = await context.newPage();
  await page.goto(`/admin/webhooks/${id}`);
  await second.goto(`/admin/webhooks/${id}`);
  await page.getByLabel('Name', { exact: true }).fill('First');
  await page.getByRole('button', { name: 'Save' }).last().click();
  await page.getByText('The route is changed.').waitFor();
  await second.getByLabel('Name', { exact: true }).fill('Second');
  await second.getByRole('button', { name: 'Save' }).last().click();
  await second.getByText('The route was changed meanwhile').waitFor();
  await page.goto(`/admin/webhooks/${id}`);
  assert.equal(await page.getByLabel('Name', { exact: true }).inputValue(), 'First');
});

house.test('webhooks: a script that throws stands in the log with its line, is cleared, and the route deleted', SIGNED, async ({ page, server, watch }) => {
  watch.allow(/status of 404/);
  const id = await make(page, { name: '<b>Broken</b>', filter: "if (payload.event !== 'accountAdded') return false;\nlogger.warn('<i>soon</i>');\nthrow new Error('<img src=x onerror=alert(1)>');" });
  await register(server, 'breaks');
  await eventually('the error flag', async () => (await stored(server, id)).webhookErrorFlag);
  await page.goto(`/admin/webhooks/${id}`);
  const log = page.locator('#errors');
  assert.match(await log.innerText(), /<img src=x onerror=alert\(1\)> \(line 3, column \d+\)/);
  assert.match(await log.innerText(), /warn: <i>soon<\/i>/);
  await log.getByRole('button', { name: 'Clear' }).click();
  await page.getByText('The errors are cleared.').waitFor();
  assert.equal((await stored(server, id)).webhookErrorFlag, null);
  await page.getByRole('link', { name: 'Delete' }).click();
  await page.getByRole('heading', { name: 'Delete this route?' }).waitFor();
  await page.getByRole('button', { name: 'Delete route' }).click();
  await page.getByText('No more events go this way.').waitFor();
  assert.equal((await page.goto(`/admin/webhooks/${id}`)).status(), 404);
});

house.test('webhooks: nothing is changed without the crumb', { signedIn: true }, async ({ page, server }) => {
  const id = await make(page, { name: 'Kept' });
  const visitor = new Console(server);
  await visitor.login(PASSWORD);
  for (const path of [`/admin/webhooks/${id}`, `/admin/webhooks/${id}/clear`, `/admin/webhooks/${id}/delete`, '/admin/webhooks/new']) {
    const answer = await visitor.get(path, { body: { name: 'Taken over', crumb: 'wrong' }, headers: { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' } });
    assert.equal(answer.status, 403, path);
  }
  assert.equal((await stored(server, id)).name, 'Kept');
});
