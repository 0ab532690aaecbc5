// Gateways: added, tried, changed and deleted by an administrator.

import assert from 'node:assert/strict';
import { after } from 'node:test';
import { House } from './lib/house.mjs';
import { SmtpSink } from './lib/smtp_sink.mjs';

const sink = await SmtpSink.start();
after(() => sink.stop());
const house = House.open();

house.test('gateways: from adding to deleting', { signedIn: true }, async ({ page, server }) => {
  await page.goto('/admin/gateways');
  await page.getByRole('link', { name: 'Add gateway' }).first().click();
  await page.getByLabel('Id', { exact: true }).fill('bulk');
  await page.getByLabel('Name', { exact: true }).fill('Bulk mail');
  await page.getByLabel('Host').fill('127.0.0.1');
  await page.getByLabel('Port').fill(String(sink.port));
  await page.getByLabel('Encryption').selectOption('starttls');
  await page.getByLabel('User name').fill('any');
  await page.getByLabel('Password').fill('any');
  await page.getByRole('button', { name: 'Try the login' }).click();
  await page.getByText('SMTP: the login works.').waitFor();
  assert.equal(await page.getByLabel('Password').inputValue(), '', 'no page repeats a password');
  await page.getByLabel('Password').fill('any');
  await page.locator('button.primary').click();
  await page.getByText('The gateway is added.').waitFor();

  await page.getByLabel('Name', { exact: true }).fill('Newsletters');
  await page.locator('button.primary').click();
  await page.getByText('The gateway is changed.').waitFor();
  const stored = await server.api('GET', '/v1/gateway/bulk');
  assert.deepEqual([stored.name, stored.user, stored.port, stored.secure], ['Newsletters', 'any', sink.port, false]);

  await page.getByRole('link', { name: 'Delete' }).click();
  await page.getByRole('button', { name: 'Delete gateway' }).click();
  await page.getByText('is deleted.').waitFor();
  assert.equal((await server.api('GET', '/v1/gateways')).total, 0);
});
