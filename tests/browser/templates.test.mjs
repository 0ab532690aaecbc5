// Templates: written with a preview that follows, sent as a test, and the same without scripts.

import assert from 'node:assert/strict';
import { after } from 'node:test';
import { House } from './lib/house.mjs';
import { SmtpSink } from './lib/smtp_sink.mjs';
import { eventually } from './lib/wait.mjs';

const sink = await SmtpSink.start();
after(() => sink.stop());
const house = House.open({
  seed: async ({ server }) => {
    await server.api('POST', '/v1/account', { account: 'shop', name: 'Shop', email: 'shop@example.com', smtp: { host: '127.0.0.1', port: sink.port, secure: false, auth: { user: 'any', pass: 'any' } } });
  },
});

const shown = (page) => page.frameLocator('iframe[name=preview]');

for (const javaScriptEnabled of [true, false])
  house.test(`templates: written, previewed, sent, ${javaScriptEnabled ? 'with' : 'without'} scripts`, { signedIn: true, javaScriptEnabled }, async ({ page, watch }) => {
    // The script of the message, and parameters that are no JSON.
    watch.allow(/Blocked script execution in 'about:srcdoc'/, /status of 400/);
    const name = `Order ${javaScriptEnabled ? 'with' : 'without'}`;
    await page.goto('/admin/templates/new');
    await page.locator('#name').fill(name);
    await page.locator('#subject').fill(`${name} {{params.number}}`);
    await page.locator('#html').fill('<style>p { color: rgb(1, 2, 3) }</style><p id="dear">Dear {{params.name}}</p><script>document.body.innerHTML = "ran"</script>');
    await page.locator('#params').fill('{"name": "<Ann>", "number": 7}');
    if (!javaScriptEnabled) await page.getByRole('button', { name: 'Preview' }).click();
    await shown(page).getByText(`${name} 7`).waitFor();
    const dear = shown(page).frameLocator('iframe').locator('#dear');
    assert.equal(await dear.innerText(), 'Dear <Ann>');
    if (javaScriptEnabled) assert.equal(await dear.evaluate((element) => getComputedStyle(element).color), 'rgb(1, 2, 3)');

    await page.locator('#html').fill('<p>\n{{#each params}}</p>');
    if (!javaScriptEnabled) await page.getByRole('button', { name: 'Preview' }).click();
    await shown(page).getByText(/^html, line \d+: /).waitFor();
    await page.locator('#html').fill('<p>Dear {{params.name}}</p>');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('The template is stored.').waitFor();

    await page.locator('#sender').fill('shop');
    await page.locator('#to').fill('me@example.com');
    // What was typed is still there after something was wrong with it.
    await page.locator('#send-params').fill('{"name": "Bob", number}');
    await page.getByRole('button', { name: 'Send test' }).click();
    await page.getByText('Is no JSON object.').waitFor();
    assert.deepEqual(await Promise.all(['#sender', '#to', '#send-params'].map((field) => page.locator(field).inputValue())), ['shop', 'me@example.com', '{"name": "Bob", number}']);
    await page.locator('#send-params').fill('{"name": "Bob", "number": 8}');
    await page.getByRole('button', { name: 'Send test' }).click();
    await page.getByText('A test to me@example.com is queued.').waitFor();
    await eventually('the test arrives', () => sink.mails.some((mail) => JSON.stringify(mail).includes(`${name} 8`)));
  });
