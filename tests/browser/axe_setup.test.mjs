// Accessible in every state: the steps of the first run and of two-step login, with their faults.

import assert from 'node:assert/strict';
import { House, PASSWORD } from './lib/house.mjs';
import { look } from './lib/axe.mjs';
import { code } from './lib/totp.mjs';

const house = House.open({ password: null });

house.test('accessible: first run: from elsewhere the code of the terminal is asked for, and a wrong one is refused', { extraHTTPHeaders: { 'x-forwarded-for': '192.0.2.1' } }, async ({ page, watch, server }) => {
  await page.goto('/admin');
  await look(page, 'setup-code');
  await page.getByLabel('Set-up code').fill('AAAA-BBBB-CCCC');
  watch.allow(/status of 403/);
  await page.getByRole('button', { name: 'Go on' }).click();
  await page.getByText('This is not the code').waitFor();
  await look(page, 'setup-code-wrong');
  const printed = server.logText().match(/^ {4}([A-Z0-9]{4}(-[A-Z0-9]{4}){2})$/m)[1];
  await page.getByLabel('Set-up code').fill(printed.toLowerCase());
  await page.getByRole('button', { name: 'Go on' }).click();
  await page.getByRole('heading', { name: 'Set a password' }).waitFor();
});

house.test('accessible: first run: password, token, mailbox, webhook, waiting for the event, leaving and coming back', {}, async ({ page, watch }) => {
  await page.goto('/admin');
  await look(page, 'dashboard-without-password');
  await page.goto('/admin/setup');
  await look(page, 'setup-password');
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await page.getByLabel('The same again').fill('something else');
  watch.allow(/status of 400/);
  await page.getByRole('button', { name: 'Set the password' }).click();
  await page.getByText('not the same').waitFor();
  await look(page, 'setup-password-wrong');
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await page.getByLabel('The same again').fill(PASSWORD);
  await page.getByRole('button', { name: 'Set the password' }).click();

  await page.getByRole('heading', { name: 'Make an access token' }).waitFor();
  await look(page, 'setup-token');
  await page.getByRole('button', { name: 'Make the token' }).click();
  await page.getByRole('heading', { name: 'Your token' }).waitFor();
  assert.match(await page.getByLabel('Access token', { exact: true }).textContent(), /^[0-9a-f]{64}$/);
  await look(page, 'setup-token-made');
  await page.getByRole('link', { name: 'Kept, go on' }).click();

  await page.getByRole('heading', { name: 'Connect a mailbox' }).waitFor();
  await look(page, 'setup-mailbox');
  await page.getByLabel('E-mail address').fill('jane@example.com');
  await page.getByLabel('Password of the mailbox').fill('a secret');
  await page.getByText('Servers', { exact: true }).click();
  for (const kind of ['IMAP', 'SMTP']) {
    await page.getByLabel(`${kind} host`).fill('127.0.0.1');
    await page.getByLabel(`${kind} port`).fill('9');
  }
  await page.getByRole('button', { name: 'Test and connect' }).click();
  await page.getByText('Reading mail (IMAP):').waitFor();
  await look(page, 'setup-mailbox-wrong');
  await page.getByRole('link', { name: 'Skip' }).click();

  await page.getByRole('heading', { name: 'Set a webhook' }).waitFor();
  await page.getByLabel('Address of your application').fill('http://127.0.0.1:9/hook');
  await page.getByRole('button', { name: 'Test and switch on' }).click();
  await page.getByText('did not take the sample').waitFor();
  await look(page, 'setup-webhook-wrong');
  await page.getByRole('button', { name: 'Switch on all the same' }).click();

  await page.getByRole('heading', { name: 'Wait for the first event' }).waitFor();
  await look(page, 'setup-event');
  await page.getByRole('link', { name: 'Leave, go on later' }).click();
  await page.getByText('3 of 5 done').waitFor();
  await look(page, 'dashboard-first-steps');
  await page.getByRole('link', { name: 'Go on', exact: true }).click();
  await page.getByRole('heading', { name: 'Connect a mailbox' }).waitFor();
});

house.test('accessible: two-step login: set up by the app, log in by its code and by a recovery code', { signedIn: true }, async ({ page, watch, house }) => {
  watch.allow(/status of 403/);
  await page.goto('/admin/account/security');
  await look(page, 'security');
  await page.locator('#enrol-current').fill(PASSWORD);
  await page.getByRole('button', { name: 'Set up two-step login' }).click();
  await page.getByRole('img', { name: 'QR code' }).waitFor();
  await page.getByText('The camera does not work?').click();
  await look(page, 'security-qr');
  const secret = (await page.getByLabel('Secret for the authenticator app').textContent()).replaceAll(' ', '');
  await page.getByLabel('Code', { exact: true }).fill('000');
  await page.getByRole('button', { name: 'Switch two-step login on' }).click();
  await page.getByText('This code is wrong').waitFor();
  await page.getByLabel('Code', { exact: true }).fill(code(secret, -1));
  await page.getByRole('button', { name: 'Switch two-step login on' }).click();
  const codes = (await page.getByLabel('Ten recovery codes').textContent()).trim().split(/\s+/);
  assert.equal(codes.length, 10);
  await look(page, 'security-codes');
  await page.getByRole('link', { name: 'Kept, go on' }).click();
  await look(page, 'security-on');

  const other = await house.visit();
  other.watch.allow(/status of 403/);
  const login = async () => {
    await other.page.goto('/admin/login?next=/admin/tokens');
    await other.page.getByLabel('User name').fill('admin');
    await other.page.getByLabel('Password', { exact: true }).fill(PASSWORD);
    await other.page.getByRole('button', { name: 'Sign in' }).click();
    await other.page.getByRole('heading', { name: 'Second step' }).waitFor();
  };
  await login();
  await look(other.page, 'totp');
  await other.page.getByLabel('Code from your authenticator app').fill(code(secret, 1));
  await other.page.getByRole('button', { name: 'Sign in' }).click();
  await other.page.waitForURL('**/admin/tokens');
  await other.context.clearCookies();
  await login();
  await other.page.getByRole('link', { name: 'Use a recovery code' }).click();
  await look(other.page, 'totp-recovery');
  await other.page.getByLabel('Recovery code').fill(codes[0]);
  await other.page.getByRole('button', { name: 'Sign in' }).click();
  await other.page.waitForURL('**/admin/tokens');
  other.watch.settle();
  await other.context.close();

  await page.reload();
  await page.getByText('9 of 10 recovery codes').waitFor();
  await page.getByText('Switch two-step login off').click();
  await page.locator('#disable-current').fill(PASSWORD);
  await page.getByRole('button', { name: 'Switch off', exact: true }).click();
  await page.getByText('Two-step login is off.').waitFor();
});
