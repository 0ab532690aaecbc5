// Accessible in every state: what pages look like after something was done on them.

import assert from 'node:assert/strict';
import { after } from 'node:test';
import { House } from './lib/house.mjs';
import { look } from './lib/axe.mjs';
import { fill } from './lib/demo.mjs';
import { hosted } from './lib/pages.mjs';
import { Provider } from './lib/provider.mjs';
import { uniqueName } from './lib/wait.mjs';

const provider = await Provider.start();
after(() => provider.stop());

const house = House.open({
  env: provider.env,
  seed: async ({ server }) => {
    await server.settings({ serviceUrl: server.url });
    return fill(server);
  },
});
const SIGNED = { signedIn: true, permissions: ['clipboard-read', 'clipboard-write'] };

house.test('accessible: the dialog with a new token, before and after it was left uncopied, and the page without scripts', SIGNED, async ({ page, watch, house }) => {
  watch.allow(/status of 400/);
  await page.goto('/admin/tokens/new');
  await page.getByLabel('Addresses').fill('nonsense');
  await page.getByRole('button', { name: 'Create token' }).click();
  await page.locator('#faults').waitFor();
  await look(page, 'token-new-faults');
  await page.getByLabel('Addresses').fill('');
  await page.getByLabel('Description').fill('Looked at');
  await page.locator('input[name=preset][value=custom]').check();
  await page.locator('input[name=scope][value=metrics]').check();
  await look(page, 'token-new-single-choices');
  for (const box of await page.locator('input[name=scope]').all()) await box.setChecked((await box.getAttribute('value')) === 'metrics');
  await look(page, 'token-new-metrics');
  await page.locator('input[name=preset][value=all]').check();
  await page.getByRole('button', { name: 'Create token' }).click();
  await page.getByRole('dialog').waitFor();
  await look(page, 'token-made');
  await page.keyboard.press('Escape');
  await page.getByText('The token was not copied').waitFor();
  await look(page, 'token-not-copied');
  await page.getByRole('button', { name: 'Close without copying' }).click();

  const plain = await house.visit({ signedIn: true, javaScriptEnabled: false });
  await plain.page.goto('/admin/tokens/new');
  await plain.page.getByLabel('Description').fill('Looked at');
  await plain.page.getByRole('button', { name: 'Create token' }).click();
  await plain.page.getByRole('heading', { name: 'Token created' }).waitFor();
  await plain.context.close();
});

house.test('accessible: the picker of accounts while it is open', SIGNED, async ({ page }) => {
  await page.goto('/admin/tokens/new');
  await page.locator('input[name=binding][value=one]').check();
  await page.getByLabel('Which account').pressSequentially('s');
  await page.getByRole('option').first().waitFor();
  await look(page, 'token-new-picker');
});

house.test('accessible: hosted steps: servers found, tested, refused, a link that was used', { locale: 'de-DE' }, async ({ page, watch, server }) => {
  watch.allow(/status of 4/);
  const path = await hosted(server, { name: '', email: '', redirectUrl: `${server.url}/health` });
  await page.goto(path);
  await page.locator('form button.primary').click();
  await page.locator('[aria-invalid=true]').first().waitFor();
  await look(page, 'hosted-faults');
  const user = uniqueName('look-');
  await page.locator('input[name=email]').fill(`${user}@${provider.domain}`);
  await page.locator('input[name=password]').fill('wrong');
  await page.locator('form button.primary').click();
  await page.locator('input[name=imap_host]').waitFor({ state: 'attached' });
  await look(page, 'hosted-servers');
  await page.locator('details summary').first().click();
  await look(page, 'hosted-servers-open');
  await page.locator('[data-test-button]').click();
  await page.locator('[data-said] .callout').first().waitFor();
  await look(page, 'hosted-tested');
  await page.locator('form button.primary').click();
  await page.locator('.callout.bad[role=alert]').first().waitFor();
  await look(page, 'hosted-refused-login');
  await page.locator('input[name=imap_auth_pass]').fill('pass');
  await page.locator('form button.primary').click();
  await page.waitForURL('**/health?**');
  await page.goto(path);
  await look(page, 'hosted-used');
});

house.test('accessible: settings with a message, with a fault, and after a test call', SIGNED, async ({ page, watch }) => {
  watch.allow(/status of 4/);
  await page.goto('/admin/config/service');
  const address = page.locator('input[name=serviceUrl]');
  await address.fill('not an address');
  await page.locator('form:has(input[name=serviceUrl])').getByRole('button', { name: /save/i }).first().click();
  await page.locator('[aria-invalid=true]').first().waitFor();
  await look(page, 'settings-fault');
  await page.goto('/admin/config/webhooks');
  await page.getByRole('button', { name: /test/i }).first().click();
  await page.waitForLoadState('networkidle');
  await look(page, 'settings-test-call');
});

house.test('accessible: the menu of a phone, open', { ...SIGNED, viewport: { width: 390, height: 844 } }, async ({ page }) => {
  await page.goto('/admin/accounts');
  await page.getByRole('button', { name: 'Menu' }).or(page.locator('summary[aria-label=Menu]')).first().click();
  assert.ok(await page.getByRole('link', { name: 'Access tokens' }).isVisible());
  await look(page, 'menu');
});

house.test('accessible: an operation of the reference with its answer', SIGNED, async ({ page }) => {
  await page.goto('/admin/reference/stats/getV1Stats');
  await page.locator('#send').click();
  await page.locator('#result').waitFor();
  await look(page, 'reference-answer');
});
