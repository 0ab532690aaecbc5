// The API reference: found by words, read, and called from the page.

import assert from 'node:assert/strict';
import { ask } from './lib/ask.mjs';
import { House } from './lib/house.mjs';
import { paste } from './lib/shell.mjs';
import { eventually } from './lib/wait.mjs';

const house = House.open({
  seed: async ({ server }) => {
    await server.settings({ serviceUrl: server.url });
    for (const account of ['shop', 'support']) await server.api('POST', '/v1/account', { account, name: `The ${account}`, email: `${account}@example.com`, imap: false });
  },
});

const SIGNED = { signedIn: true };

/** Opens the page of an operation. */
const open = (page, tag, id) => page.goto(`/admin/reference/${tag}/${id}`);

/** Sends the call and waits for the answer; its status line and text. */
async function send(page) {
  await page.locator('#send').click();
  await page.locator('#result').waitFor();
  await page.locator('#timing').filter({ hasText: /ms/ }).waitFor();
  return { status: await page.locator('#status').innerText(), text: await page.locator('#answer').innerText() };
}

house.test('reference: typing narrows the list, and the server finds the same', SIGNED, async ({ page }) => {
  await page.goto('/admin/reference');
  const shown = () => page.locator('.ops li:visible').count();
  const all = await shown();
  assert.ok(all > 70);
  await page.getByLabel('Search operations').fill('move message');
  await eventually('fewer are shown', async () => (await shown()) < all);
  const typed = await shown();
  await page.keyboard.press('Enter');
  await page.waitForURL(/q=move/);
  assert.ok((await shown()) >= typed && typed > 0);
  await page.getByRole('link', { name: 'Show all operations' }).click();
  await page.getByLabel('Search operations').fill('nothing of the kind');
  await page.getByText('No operation matches').waitFor();
});

house.test('reference: an operation is called with a token that is given back when the page is left', SIGNED, async ({ page, server }) => {
  const own = async () => (await server.api('GET', '/v1/tokens?query=Calls%20from%20the%20API%20reference')).total;
  await open(page, 'stats', 'getV1Stats');
  const given = page.waitForResponse('**/admin/reference/token');
  const { status, text } = await send(page);
  assert.match(status, /^200/);
  assert.equal(JSON.parse(text).accounts, 2);
  const { token } = await (await given).json();
  assert.equal(await own(), 1);
  assert.ok(!(await page.content()).includes(token), 'it is not on the page');
  await page.goto('/admin/reference');
  await eventually('the token is gone', async () => (await own()) === 0);
});

house.test('reference: the curl command follows what is typed, and works with a token in its place', SIGNED, async ({ page, server }) => {
  await open(page, 'account', 'getV1AccountAccount');
  await page.locator('#in-path-account').pressSequentially('sho');
  await page.getByRole('option', { name: /shop/ }).click();
  await page.locator('#in-query-quota').selectOption('false');
  const command = await page.locator('#curl').innerText();
  assert.match(command, /\/v1\/account\/shop\?quota=false/);
  const answer = await paste(command.replace('YOUR_TOKEN', await server.token()), server);
  assert.deepEqual([answer.status, JSON.parse(answer.body).account], [200, 'shop']);
  const { text } = await send(page);
  assert.equal(JSON.parse(text).account, 'shop');
  // Nothing that is typed gets out of its place in the command.
  await page.locator('#in-path-account').fill('$(id)`id`"\\');
  assert.match(await page.locator('#curl').innerText(), /account\/%24\(id\)%60id%60%22%5C/);
});

house.test('reference: a body begins with an example, must be JSON, and is answered with every fault', SIGNED, async ({ page, watch }) => {
  watch.allow(/status of 400/);
  await open(page, 'submit', 'postV1AccountAccountSubmit');
  await page.locator('#in-path-account').fill('shop');
  assert.ok(JSON.parse(await page.locator('#body').inputValue()).to);
  await page.locator('#body').fill('{');
  await page.locator('#send').click();
  await page.getByText('This is not JSON').waitFor();
  await page.locator('#body').fill('{"to":5,"colour":"red"}');
  const { status, text } = await send(page);
  assert.match(status, /^400/);
  assert.ok(JSON.parse(text).fields.length >= 2, text);
});

house.test('reference: what deletes asks first; cancelled it sends nothing', SIGNED, async ({ page, server }) => {
  await open(page, 'account', 'deleteV1AccountAccount');
  await page.locator('#in-path-account').fill('support');
  await page.locator('#send').click();
  const dialog = page.getByRole('dialog', { name: 'Send this call?' });
  assert.match(await dialog.innerText(), /DELETE \/v1\/account\/support/);
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  assert.equal((await server.api('GET', '/v1/account/support')).account, 'support');
  await page.locator('#send').click();
  await dialog.getByRole('button', { name: 'Send it' }).click();
  await page.locator('#status').filter({ hasText: '200' }).waitFor();
  assert.equal((await server.api('GET', '/v1/accounts')).total, 1);
});

house.test('reference: a stream is shown as it comes and can be stopped', SIGNED, async ({ page }) => {
  await open(page, 'account', 'getV1Changes');
  await page.locator('#send').click();
  await page.locator('#answer').filter({ hasText: ': Posthouse' }).waitFor();
  await page.getByRole('button', { name: 'Stop' }).click();
  await page.getByRole('button', { name: 'Stop' }).waitFor({ state: 'hidden' });
  assert.ok(await page.locator('#send').isEnabled());
});

house.test('reference: what is not built yet is marked, and all that is answered 501 is marked', SIGNED, async ({ page, server }) => {
  await page.goto('/admin/reference');
  const marked = await page.locator('.ops li', { hasText: 'Not yet' }).evaluateAll((items) => items.map((item) => [item.querySelector('.method').innerText, item.querySelector('code').innerText].join(' ')));
  const { paths } = await server.api('GET', '/swagger.json');
  for (const path of Object.keys(paths)) {
    if (!paths[path].get || path === '/v1/changes') continue;
    const { status } = await ask(server.url + path.replace(/[{}]/g, ''), { headers: { authorization: `Bearer ${await server.token()}` } });
    // An id that cannot be one is refused before.
    if (status !== 400) assert.equal(marked.includes(`GET ${path}`), status === 501, `${path}: ${status}`);
  }
  assert.ok(marked.length);
});
