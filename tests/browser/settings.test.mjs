// Settings: found by typing, changed, refused, taken back; webhooks tried without losing what is not saved; the same without JavaScript.

import assert from 'node:assert/strict';
import { after } from 'node:test';
import { House } from './lib/house.mjs';
import { Receiver } from './lib/receiver.mjs';

let receiver;
const house = House.open({
  seed: async () => {
    receiver = await Receiver.start();
  },
});
after(() => receiver?.stop());

const SIGNED = { signedIn: true };
const setting = (server, key) => server.api('GET', `/v1/settings?${key}=true`).then((answer) => answer[key]);
const save = (page) => page.getByRole('button', { name: 'Save changes' }).click();

house.test('settings: typing finds a setting, its link leads to the field', SIGNED, async ({ page }) => {
  await page.goto('/admin/config');
  await page.getByLabel('Search all settings').pressSequentially('self-signed');
  await page.waitForURL((url) => url.search.includes('self-signed'));
  await page.getByRole('link', { name: /Accept invalid certificates/ }).click();
  await page.waitForURL('**/admin/config/security#ignoreMailCertErrors');
  await page.getByLabel('Accept invalid certificates').waitFor();
  await page.goBack();
  assert.equal(await page.getByLabel('Search all settings').inputValue(), 'self-signed');
});

house.test('settings: a value is saved, marked as changed, and taken back', SIGNED, async ({ page, server }) => {
  await page.goto('/admin/config/email-processing');
  const attempts = page.getByLabel('Delivery attempts');
  await attempts.fill('4');
  await page.getByText('Not saved yet').waitFor();
  await save(page);
  await page.getByText('Saved: Delivery attempts.').waitFor();
  assert.equal(await setting(server, 'deliveryAttempts'), 4);
  await page.getByRole('button', { name: 'Use the default: Delivery attempts' }).click();
  await page.getByText('has its default again').waitFor();
  assert.equal(await setting(server, 'deliveryAttempts'), 10);
});

house.test('settings: a refused value keeps what was typed and has the focus', SIGNED, async ({ page, server, watch }) => {
  watch.allow(/status of 400/);
  await page.goto('/admin/config/webhooks');
  await page.getByLabel('Longest text').fill('many');
  await page.getByLabel('Deliver webhooks').check();
  await save(page);
  await page.getByText('Nothing was saved.').waitFor();
  const field = page.getByLabel('Longest text');
  assert.equal(await field.inputValue(), 'many');
  assert.equal(await field.getAttribute('aria-invalid'), 'true');
  assert.ok(await field.evaluate((field) => field === document.activeElement));
  assert.ok(await page.getByLabel('Deliver webhooks').isChecked());
  assert.equal(await setting(server, 'webhooksEnabled'), false);
});

house.test('settings: leaving with unsaved changes is asked about', SIGNED, async ({ page, watch }) => {
  await page.goto('/admin/config/email-processing');
  await page.getByLabel('Delivery attempts').fill('5');
  // The browser asks, and is told to stay.
  watch.allow(/dialog: beforeunload/);
  const asked = page.waitForEvent('dialog');
  await page.getByRole('link', { name: 'Network' }).click();
  assert.equal((await asked).type(), 'beforeunload');
  assert.match(page.url(), /email-processing$/);
  assert.equal(await page.getByLabel('Delivery attempts').inputValue(), '5');
});

house.test('settings: headers and events are chosen, and a test call leaves them as they are', SIGNED, async ({ page, server }) => {
  await page.goto('/admin/config/webhooks');
  await page.getByLabel('Target URL').fill(receiver.url);
  const headers = page.locator('#webhooksCustomHeaders');
  await headers.getByRole('button', { name: 'Add a header' }).click();
  await headers.getByLabel('Name of header 3').fill('X-Third');
  await headers.getByLabel('Value of header 3').fill('third');
  await headers.getByRole('button', { name: 'Remove header 1' }).click();
  assert.equal(await headers.getByLabel('Name of header 2').inputValue(), 'X-Third');
  const events = page.locator('#webhookEvents');
  await events.getByLabel('Only these').check();
  await events.getByRole('button', { name: 'Tick none: Messages' }).click();
  assert.equal(await events.getByLabel('messageNew').isChecked(), false);

  const trial = page.locator('#test');
  await trial.getByLabel('Target').fill(receiver.url);
  await trial.getByLabel('Event').selectOption('messageSent');
  await trial.getByRole('button', { name: 'Send a test' }).click();
  await page.locator('#test').getByText('Delivered.').waitFor();
  assert.equal(await headers.getByLabel('Value of header 2').inputValue(), 'third');

  await save(page);
  await page.getByText(/^Saved: /).waitFor();
  const chosen = await setting(server, 'webhookEvents');
  assert.ok(!chosen.includes('messageNew') && chosen.includes('messageSent'));
  assert.deepEqual(await setting(server, 'webhooksCustomHeaders'), [{ key: 'X-Third', value: '******' }]);
});

house.test('settings: everything works without JavaScript', { signedIn: true, javaScriptEnabled: false }, async ({ page, server }) => {
  await page.goto('/admin/config?q=reverse+proxy');
  await page.getByRole('link', { name: /Behind a reverse proxy/ }).click();
  await page.getByLabel('Service URL').fill('https://mail.example.com/path');
  await save(page);
  await page.getByText('Saved: Service URL.').waitFor();
  assert.equal(await setting(server, 'serviceUrl'), 'https://mail.example.com');
  await page.getByRole('button', { name: 'Clear: Service URL' }).click();
  assert.equal(await page.getByLabel('Service URL').inputValue(), '');
  await page.goto('/admin/config/webhooks');
  const trial = page.locator('#test');
  await trial.getByLabel('Target').fill(receiver.url);
  await trial.getByRole('button', { name: 'Send a test' }).click();
  await page.locator('#test').getByText('Delivered.').waitFor();
});

house.test('settings: a new service secret is shown once', SIGNED, async ({ page }) => {
  await page.goto('/admin/config/security');
  await page.getByRole('link', { name: 'Make a new one' }).click();
  await page.getByRole('button', { name: 'Make a new secret' }).click();
  const secret = (await page.locator('#secret').innerText()).trim();
  assert.match(secret, /^[0-9a-f]{32}$/);
  await page.getByRole('link', { name: 'Done' }).click();
  assert.ok(!(await page.content()).includes(secret));
});
