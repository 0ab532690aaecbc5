// Login, two-step login, recovery codes, sessions, the password.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { House, PASSWORD } from './lib/house.mjs';
import { fillLogin, signIn } from './lib/admin.mjs';
import { Console } from './lib/console.mjs';
import { Server } from './lib/server.mjs';
import { code } from './lib/totp.mjs';
import { sleep } from './lib/wait.mjs';

const house = House.open();
// What changes the password or the second step happens in a house of its own.
const changing = House.open();

house.test('login: a page that needs it leads there and back again', {}, async ({ page }) => {
  await page.goto('/admin/tokens?query=a%20b');
  await page.waitForURL('**/admin/login?**');
  await fillLogin(page, PASSWORD);
  await page.waitForURL('**/admin/tokens?query=a%20b');
});

house.test('login: a wrong password is said without telling what was wrong, and the name stays', {}, async ({ page, watch }) => {
  watch.allow(/status of 403/);
  await page.goto('/admin/login');
  await fillLogin(page, 'wrong password', 'somebody');
  await page.getByRole('alert').getByText('User name or password is wrong.').waitFor();
  assert.equal(await page.getByLabel('User name').inputValue(), 'somebody');
  assert.equal(await page.getByLabel('Password', { exact: true }).inputValue(), '');
  await fillLogin(page, PASSWORD);
  await page.waitForURL('**/admin');
});

house.test('login: it works without scripts, and logging out ends it', { javaScriptEnabled: false }, async ({ page }) => {
  await signIn(page, PASSWORD);
  await page.getByRole('button', { name: 'Log out' }).click();
  await page.waitForURL('**/admin/login');
  await page.goto('/admin/tokens');
  await page.waitForURL('**/admin/login?**');
});

house.test('login: who is signed in is sent on from the login page', { signedIn: true }, async ({ page }) => {
  await page.goto('/admin/login?next=%2Fadmin%2Ftokens');
  await page.waitForURL('**/admin/tokens');
});

house.test('sessions: they are listed with browser and address, one is ended, all others are ended', {}, async ({ page, house, server }) => {
  await signIn(page, PASSWORD, '/admin/account/security');
  const other = new Console(server, { 'user-agent': 'Mozilla/5.0 (Windows NT 10.0) Gecko/20100101 Firefox/145.0' });
  await other.login(PASSWORD);
  const third = new Console(server, { 'user-agent': 'third' });
  await third.login(PASSWORD);
  await page.goto('/admin/account/security');
  const row = page.getByRole('row', { name: /Firefox 145 on Windows/ });
  assert.match(await row.innerText(), /127\.0\.0\.1/);
  assert.equal(await page.getByText('This one').count(), 1);
  await row.getByRole('button', { name: /End/ }).click();
  await page.getByRole('status').first().waitFor();
  assert.equal((await other.get('/admin/tokens')).status, 302);
  assert.equal((await third.get('/admin/tokens')).status, 200);
  await page.getByRole('button', { name: 'End all other sessions' }).click();
  await page.getByRole('status').first().waitFor();
  await sleep(600);
  assert.equal((await third.get('/admin/tokens')).status, 302);
  await page.goto('/admin/tokens');
  assert.match(page.url(), /\/admin\/tokens$/);
  house.forgetSession();
});

changing.test('two-step login: switched on with an app, needed at the next login, a code works once, recovery codes work once, switched off', {}, async ({ page, watch, server, context }) => {
  watch.allow(/status of 40[0-9]/);
  await signIn(page, PASSWORD, '/admin/account/security');
  await page.locator('#enrol-current').fill(PASSWORD);
  await page.getByRole('button', { name: 'Set up two-step login' }).click();
  await page.getByText('The camera does not work?').click();
  const secret = (await page.locator('#totp-secret').innerText()).trim();
  await page.getByLabel('Code', { exact: true }).fill('000000');
  await page.getByRole('button', { name: 'Switch two-step login on' }).click();
  await page.locator('[aria-invalid=true]').waitFor();
  const used = code(secret);
  await page.getByLabel('Code', { exact: true }).fill(used);
  await page.getByRole('button', { name: 'Switch two-step login on' }).click();
  await page.getByRole('heading', { name: 'Recovery codes' }).waitFor();
  const codes = (await page.locator('#codes').innerText()).trim().split(/\s+/);
  assert.equal(codes.length, 10);
  await page.getByRole('link', { name: 'Kept, go on' }).click();
  await page.reload();
  assert.ok(!(await page.content()).includes(codes[0]), 'codes are shown once');
  assert.ok(!(await page.content()).includes(secret), 'nor is the secret');

  const withPassword = async () => {
    await context.clearCookies();
    await page.goto('/admin/login?next=%2Fadmin%2Ftokens');
    await fillLogin(page, PASSWORD);
    await page.waitForURL('**/admin/totp?**');
  };
  await withPassword();
  // The first step alone opens nothing.
  await page.goto('/admin/accounts');
  await page.waitForURL('**/admin/totp?**');
  const pending = new Console(server);
  for (const { name, value } of await context.cookies()) pending.jar.set(name, value);
  assert.equal((await pending.get('/admin/tokens')).status, 302);
  assert.equal((await pending.json('/admin/tokens/new', { description: 'x', scopes: ['*'] })).json().success, false);

  await page.goto('/admin/totp?next=%2Fadmin%2Ftokens');
  await page.getByLabel('Code from your authenticator app').fill(used);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('alert').waitFor();
  assert.match(page.url(), /totp/, 'the code that switched it on was used');
  const fresh = code(secret, 1);
  await page.getByLabel('Code from your authenticator app').fill(fresh);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.waitForURL('**/admin/tokens');

  await withPassword();
  await page.getByLabel('Code from your authenticator app').fill(fresh);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('alert').waitFor();
  await page.getByRole('link', { name: 'Use a recovery code' }).click();
  await page.getByLabel('Recovery code').fill(codes[3].toLowerCase());
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.waitForURL('**/admin/tokens');

  await withPassword();
  await page.getByRole('link', { name: 'Use a recovery code' }).click();
  await page.getByLabel('Recovery code').fill(codes[3]);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('alert').waitFor();
  await page.getByLabel('Recovery code').fill(codes[4]);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.waitForURL('**/admin/tokens');

  await page.goto('/admin/account/security');
  await page.getByText('8 of 10 recovery codes are left').waitFor();
  await page.getByText('Switch two-step login off').click();
  await page.locator('#disable-current').fill('wrong');
  await page.getByRole('button', { name: 'Switch off' }).click();
  await page.locator('#disable-error').waitFor();
  await page.locator('#disable-current').fill(PASSWORD);
  await page.getByRole('button', { name: 'Switch off' }).click();
  await page.getByRole('button', { name: 'Set up two-step login' }).waitFor();
  await context.clearCookies();
  await signIn(page, PASSWORD, '/admin/tokens');
});

test('two-step login: five wrong codes lead back to the password, after 10 in a minute the next is 429, and a password by the command line opens the door again', async () => {
  const server = await Server.start({ password: PASSWORD });
  try {
    const owner = new Console(server);
    await owner.login(PASSWORD);
    await owner.form('/admin/account/totp/enrol', { current: PASSWORD });
    const secret = /id="totp-secret"[^>]*>([A-Z2-7 ]+)</.exec((await owner.get('/admin/account/security')).text)[1];
    const on = await owner.form('/admin/account/totp/confirm', { code: code(secret) });
    assert.match(on.text + (on.location ?? ''), /Recovery codes|codes/);
    const { roomInTheMinute } = await import('./lib/console.mjs');
    await roomInTheMinute(10);
    const thief = new Console(server);
    assert.match((await thief.login(PASSWORD)).location, /^\/admin\/totp/);
    const statuses = [];
    for (let guess = 0; guess < 11; guess++) {
      if (guess % 5 === 0 && guess) await thief.login(PASSWORD);
      statuses.push((await thief.form('/admin/totp', { code: String(guess).padStart(6, '1') })).status);
    }
    assert.deepEqual(statuses, [403, 403, 403, 403, 401, 403, 403, 403, 403, 401, 429]);
    assert.equal((await thief.form('/admin/totp', { code: code(secret, 2) })).status, 429, 'also the right one');
    await server.command('password', '-p', 'another good password');
    await sleep(500);
    assert.match((await new Console(server).login('another good password')).location, /^\/admin$/);
  } finally {
    await server.remove();
  }
});

changing.test('password: it is changed with the old one only, ends other sessions, and the new one works', {}, async ({ page, watch, server, house }) => {
  watch.allow(/status of 40[0-9]/);
  const other = new Console(server);
  await other.login(PASSWORD);
  await signIn(page, PASSWORD, '/admin/account/security');
  const fill = async (current, fresh, repeat = fresh) => {
    await page.getByLabel('Current password').fill(current);
    await page.getByLabel('New password').fill(fresh);
    await page.getByLabel('The same again').fill(repeat);
    await page.getByRole('button', { name: 'Change the password' }).click();
  };
  await fill('wrong password', 'another good password');
  await page.locator('#password-error').waitFor();
  await fill(PASSWORD, 'another good password', 'something else here');
  await page.locator('#repeat-error').waitFor();
  await fill(PASSWORD, 'another good password');
  await page.getByRole('status').first().waitFor();
  await sleep(600);
  assert.equal((await other.get('/admin/tokens')).status, 302);
  await page.goto('/admin/tokens');
  assert.match(page.url(), /\/admin\/tokens$/, 'this session goes on');
  assert.equal((await new Console(server).login(PASSWORD)).status, 403);
  assert.equal((await new Console(server).login('another good password')).status, 303);
  house.forgetSession();
});

test('prepared password: a record of another installation lets in; a password of the command line is a record that others take', async () => {
  const server = await Server.start({});
  try {
    const record = await server.command('password', '-p', PASSWORD, '--hash');
    assert.match(Buffer.from(record, 'base64url').toString(), /^\$pbkdf2-sha256\$i=600000\$/);
    const other = await Server.start({ env: { EENGINE_PREPARED_PASSWORD: record } });
    try {
      assert.equal((await new Console(other).login(PASSWORD)).status, 303);
    } finally {
      await other.remove();
    }
  } finally {
    await server.remove();
  }
});
