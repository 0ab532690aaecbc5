// A delivery test: started, waited for, its result read; with scripts and without.

import assert from 'node:assert/strict';
import { after } from 'node:test';
import { House } from './lib/house.mjs';
import { account, append } from './lib/dovecot.mjs';
import { Dns } from './lib/dns.mjs';
import { SmtpSink } from './lib/smtp_sink.mjs';
import { look } from './lib/axe.mjs';
import { eventually, uniqueName } from './lib/wait.mjs';

const sink = await SmtpSink.start();
const dns = await Dns.start({ 'example.com': 'v=spf1 ip4:203.0.113.7 -all', '_dmarc.example.com': 'v=DMARC1; p=reject' });
after(() => {
  sink.stop();
  dns.stop();
});
const smtp = { host: '127.0.0.1', port: sink.port, secure: false, auth: { user: 'any', pass: 'any' } };
const house = House.open({
  env: { POSTHOUSE_DISCOVER_DNS: dns.address },
  seed: async ({ server }) => {
    await server.api('POST', '/v1/gateway', { gateway: 'bulk', name: 'Newsletters', host: '127.0.0.1', port: sink.port, secure: false, user: 'any', pass: 'any' });
  },
});

/** Carries what the sink took into the mailbox, as a mail server would that got it from this address. */
async function deliver(user, client) {
  const mail = await eventually('the message is sent', () => sink.mails.find((mail) => mail.to?.[0]?.startsWith(user) && !mail.carried));
  mail.carried = true;
  const received = `from out.example.com (out.example.com [${client}])\r\n\tby mx.receiver.net with ESMTPS id 1;\r\n\tSat, 28 Nov 2026 12:00:00 +0000`;
  await append(user, `Return-Path: <${mail.from}>\r\nReceived: ${received}\r\n${mail.text}\r\n`);
}

for (const javaScriptEnabled of [true, false])
  house.test(`delivery test: from starting to the result, ${javaScriptEnabled ? 'with' : 'without'} scripts`, { signedIn: true, javaScriptEnabled }, async ({ page, server, watch }) => {
    // An account that does not exist.
    watch.allow(/status of 404/);
    const user = uniqueName('dt');
    await server.api('POST', '/v1/account', account(user, { smtp }));
    await eventually('the mailbox is connected', async () => (await server.api('GET', `/v1/account/${user}`)).state === 'connected');
    const result = (name) => page.locator('.checks > li').filter({ has: page.locator('b', { hasText: new RegExp(`^${name}$`) }) });
    const wait = async () => {
      if (javaScriptEnabled) return page.getByRole('heading', { name: 'Checks' }).waitFor({ timeout: 20_000 });
      await eventually('the result', async () => {
        const again = page.getByRole('link', { name: 'Look again' });
        if (await again.count()) await again.click();
        return (await page.getByRole('heading', { name: 'Checks' }).count()) > 0;
      });
    };

    await page.goto(`/admin/accounts/${user}`);
    await page.getByRole('link', { name: 'Delivery test' }).click();
    if (javaScriptEnabled) await look(page, 'delivery-start');
    await page.getByRole('button', { name: 'Send a test' }).click();
    await page.getByRole('heading', { name: 'The message is on its way' }).waitFor();
    if (javaScriptEnabled) await look(page, 'delivery-pending');
    await deliver(user, '203.0.113.7');
    await wait();
    await page.getByText('Receivers can tell that these messages are yours').waitFor();
    assert.match(await result('SPF').innerText(), /Passed/);
    assert.match(await result('DMARC').innerText(), /Passed/);
    assert.match(await result('DKIM').innerText(), /Missing[^]*What to do:/);
    assert.match(await page.locator('.kv').innerText(), /203\.0\.113\.7/);
    if (javaScriptEnabled) await look(page, 'delivery-passed');

    // Again, by a gateway that the domain does not name.
    await page.getByRole('link', { name: 'Another test' }).click();
    await page.getByLabel('Through').selectOption('bulk');
    await page.getByRole('button', { name: 'Send a test' }).click();
    await page.getByRole('heading', { name: 'The message is on its way' }).waitFor();
    await deliver(user, '203.0.113.99');
    await wait();
    await page.getByText('Receivers cannot tell that these messages are yours').waitFor();
    assert.match(await result('SPF').innerText(), /Failed[^]*Add ip4:203\.0\.113\.99 to the SPF record of example\.com/);
    if (javaScriptEnabled) await look(page, 'delivery-failed');

    // What cannot be started says why.
    await page.getByRole('link', { name: 'Another test' }).click();
    await page.getByLabel('To the account').fill('nobody-has-this-id');
    await page.getByRole('button', { name: 'Send a test' }).click();
    await page.getByRole('alert').waitFor();
  });
