// The first run: password, token, mailbox, webhook, first event; left and resumed; from elsewhere with the set-up code only.

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { House, PASSWORD } from './lib/house.mjs';
import { fillLogin } from './lib/admin.mjs';
import { append, message } from './lib/dovecot.mjs';
import { Console } from './lib/console.mjs';
import { Provider } from './lib/provider.mjs';
import { Receiver } from './lib/receiver.mjs';
import { Server } from './lib/server.mjs';
import { paste } from './lib/shell.mjs';
import { eventually, uniqueName } from './lib/wait.mjs';

const provider = await Provider.start();
after(() => provider.stop());

// Two houses: a first run happens once.
const scripted = House.open({ password: null, env: provider.env });
const plain = House.open({ password: null, env: provider.env });

/** What the server prints for whoever starts it. */
const setupCode = (server) => /\b[A-Z2-9]{4}-[A-Z2-9]{4}-[A-Z2-9]{4}\b/.exec(server.logText())?.[0];

for (const [house, javaScriptEnabled] of [
  [scripted, true],
  [plain, false],
])
  house.test(`first run: from nothing to the first event, left and resumed, ${javaScriptEnabled ? 'with' : 'without'} scripts`, { javaScriptEnabled, permissions: ['clipboard-read', 'clipboard-write'] }, async ({ page, watch, server }) => {
    const hooks = await Receiver.start();
    const user = uniqueName('first-');
    try {
      // Every way into the console leads to the password while there is none.
      await page.goto('/');
      await page.getByRole('link', { name: 'Open the console' }).click();
      await page.goto('/admin/setup');
      await page.getByRole('heading', { name: 'Set a password' }).waitFor();
      watch.allow(/status of 400/);
      await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
      await page.getByLabel('The same again').fill('something else');
      await page.getByRole('button', { name: 'Set the password and sign in' }).click();
      await page.locator('[aria-invalid=true]').first().waitFor();
      await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
      await page.getByLabel('The same again').fill(PASSWORD);
      await page.getByRole('button', { name: 'Set the password and sign in' }).click();

      await page.getByRole('heading', { name: 'Make an access token' }).waitFor();
      await page.getByLabel('Name', { exact: true }).fill('Shop backend');
      await page.getByRole('button', { name: 'Make the token' }).click();
      const value = (await page.locator('#value').innerText()).trim();
      assert.match(value, /^[0-9a-f]{64}$/);
      assert.equal((await paste(await page.locator('#curl').innerText(), server)).status, 200);
      await page.getByRole('link', { name: 'Kept, go on' }).click();

      // Left here, days later: the login, and the dashboard reminds of what is open.
      await page.getByRole('heading', { name: 'Connect a mailbox' }).waitFor();
      await page.getByRole('link', { name: 'Leave, go on later' }).click();
      await page.waitForURL('**/admin');
      await page.getByRole('button', { name: 'Log out' }).click();
      await page.waitForURL('**/admin/login**');
      await server.restart();
      await page.goto('/admin/setup');
      await fillLogin(page, PASSWORD);
      await page.getByRole('heading', { name: 'Connect a mailbox' }).waitFor();

      await page.getByLabel('E-mail address').fill(`${user}@${provider.domain}`);
      await page.getByLabel('Name of its owner').fill('First User');
      await page.getByLabel('Password of the mailbox').fill('wrong');
      await page.getByRole('button', { name: 'Test and connect' }).click();
      await page.locator('.callout.bad').first().waitFor();
      await page.getByLabel('Password of the mailbox').fill('pass');
      await page.getByRole('button', { name: 'Test and connect' }).click();

      await page.getByRole('heading', { name: 'Set a webhook' }).waitFor();
      hooks.routes.set('/refuses', () => ({ status: 500 }));
      await page.getByLabel('Address of your application').fill(`${hooks.url}/refuses`);
      await page.getByRole('button', { name: 'Test only' }).click();
      await page.getByText('The target did not take the sample').waitFor();
      await page.getByLabel('Address of your application').fill(`${hooks.url}/hooks`);
      await page.getByRole('button', { name: 'Test and switch on' }).click();

      await page.getByRole('heading', { name: /first event|There it is/ }).waitFor();
      const { accounts } = await server.api('GET', '/v1/accounts');
      assert.deepEqual([accounts.length, accounts[0].email], [1, `${user}@${provider.domain}`]);
      await server.waitState(accounts[0].account, 'connected');
      await append(user, message({ subject: 'The very first' }));
      await hooks.event('messageNew');
      if (!javaScriptEnabled)
        await eventually('the event is there', async () => {
          await page.getByRole('link', { name: 'Look again' }).click();
          return (await page.getByRole('heading', { name: 'There it is' }).count()) > 0;
        });
      await page.getByRole('heading', { name: 'There it is' }).waitFor();
      await page.getByRole('link', { name: 'Open the dashboard' }).click();
      await page.getByRole('heading', { name: 'Dashboard' }).waitFor();

      // It is over: the set-up leads to the dashboard.
      await page.goto('/admin/setup');
      await page.waitForURL('**/admin');
      assert.equal(setupCode(server) !== undefined, true);
    } finally {
      hooks.stop();
    }
  });

for (const [what, headers] of [
  ['through a proxy', { 'x-forwarded-for': '203.0.113.9' }],
  ['by a name that points here (DNS rebinding)', { host: 'rebound.example' }],
  ['with a Forwarded header', { forwarded: 'for=203.0.113.9' }],
  ['with Via', { via: '1.1 proxy' }],
])
  test(`first run: without a password nobody gets in ${what} without the set-up code`, async () => {
    const server = await Server.start({});
    try {
      const visitor = new Console(server, headers);
      const shown = await visitor.get('/admin/setup');
      assert.match(shown.text, /Set-up code/);
      assert.ok(!shown.text.includes('name="password"'));
      for (const path of ['/admin', '/admin/tokens', '/admin/accounts', '/admin/config/service', '/admin/changes', '/admin/setup/token']) {
        const answer = await visitor.get(path);
        assert.deepEqual([answer.status, answer.location], [302, '/admin/setup'], path);
      }
      for (const [path, fields] of [
        ['/admin/account/password', { password: PASSWORD, repeat: PASSWORD }],
        ['/admin/setup/token', { purpose: 'api' }],
        ['/admin/tokens/new', { description: 'x', reach: 'all' }],
      ]) {
        const answer = await visitor.form(path, fields);
        assert.ok([302, 303, 403].includes(answer.status) && !/[0-9a-f]{64}/.test(answer.text.replace(visitor.jar.get('crumb'), '')), `${path}: ${answer.status}`);
      }
      const json = await visitor.json('/admin/tokens/new', { description: 'x', scopes: ['*'] });
      assert.equal(json.json().success, false);
      assert.equal((await server.api('GET', '/v1/tokens')).tokens.filter((token) => token.description === 'x').length, 0);

      const wrong = await visitor.form('/admin/setup/code', { code: 'AAAA-AAAA-AAAA' });
      assert.equal(wrong.status, 403);
      const right = await visitor.form('/admin/setup/code', { code: setupCode(server).toLowerCase().replaceAll('-', ' ') });
      assert.equal(right.status, 303);
      const page = await visitor.get('/admin/setup');
      assert.match(page.text, /name="password"/);
      const set = await visitor.form('/admin/account/password', { password: PASSWORD, repeat: PASSWORD });
      assert.equal(set.status, 303, set.text.slice(0, 500));
      assert.equal((await visitor.get('/admin/tokens')).status, 200);

      // From now on the code opens nothing, nor does this machine.
      const late = new Console(server, headers);
      assert.notEqual((await late.form('/admin/setup/code', { code: setupCode(server) })).status, 303);
      const local = await new Console(server).get('/admin/tokens');
      assert.deepEqual([local.status, local.location.startsWith('/admin/login')], [302, true]);
    } finally {
      await server.remove();
    }
  });

test('first run: the set-up code is new at every start, and not printed once there is a password', async () => {
  const server = await Server.start({});
  try {
    const first = setupCode(server);
    assert.ok(first);
    await server.restart();
    const second = server.logText().match(/\b[A-Z2-9]{4}-[A-Z2-9]{4}-[A-Z2-9]{4}\b/g).at(-1);
    assert.notEqual(second, first);
    const stale = await new Console(server, { 'x-forwarded-for': '203.0.113.9' }).form('/admin/setup/code', { code: first });
    assert.equal(stale.status, 403);
    await server.command('password', '-p', PASSWORD);
    const before = server.logText().length;
    await server.restart();
    assert.ok(!/\b[A-Z2-9]{4}-[A-Z2-9]{4}-[A-Z2-9]{4}\b/.test(server.logText().slice(before)));
  } finally {
    await server.remove();
  }
});
