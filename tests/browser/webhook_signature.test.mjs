// The signature of webhooks, verified by the library of the open standard (standardwebhooks.com) as any receiver would.

import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import { Receiver } from './lib/receiver.mjs';
import { Server } from './lib/server.mjs';
import { Webhook } from './lib/tools.mjs';

// Plain bytes, and in the standard's own form.
const OLD = 'a plain secret of the tests';
const NEW = `whsec_${Buffer.from('a secret of 24 bytes or m').toString('base64')}`;
const verifier = (secret) => (secret.startsWith('whsec_') ? new Webhook(secret) : new Webhook(secret, { format: 'raw' }));

let server, receiver;

before(async () => {
  receiver = await Receiver.start();
  server = await Server.start({
    settings: { webhooksEnabled: true, webhooks: `${receiver.url}/hook`, webhookEvents: ['accountAdded'], serviceSecret: OLD },
  });
});

after(async () => {
  await server?.remove();
  receiver?.stop();
});

/** The webhook of a new account. */
async function hook(account) {
  await server.api('POST', '/v1/account', { account, name: 'Ürsula ✓', email: `${account}@example.com`, imap: false });
  return receiver.event('accountAdded', (json) => json.account === account);
}

test('one secret', async () => {
  const { text, headers } = await hook('one');
  assert.equal(headers['webhook-id'], headers['x-ee-wh-event-id']);
  assert.equal(verifier(OLD).verify(text, headers).account, 'one');
  assert.throws(() => verifier(NEW).verify(text, headers), /signature/i);
  assert.throws(() => verifier(OLD).verify(text.replace('one', 'two'), headers), /signature/i);
  assert.throws(() => verifier(OLD).verify(text, { ...headers, 'webhook-id': 'another' }), /signature/i);
  const stale = { ...headers, 'webhook-timestamp': String(Number(headers['webhook-timestamp']) - 3600) };
  assert.throws(() => verifier(OLD).verify(text, stale), /old/i);
});

test('both secrets are good while they are changed, then the new one alone', async () => {
  await server.settings({ serviceSecret: NEW, previousServiceSecret: OLD });
  const both = await hook('both');
  for (const secret of [NEW, OLD]) assert.equal(verifier(secret).verify(both.text, both.headers).account, 'both');
  await server.settings({ previousServiceSecret: null });
  const last = await hook('last');
  assert.equal(verifier(NEW).verify(last.text, last.headers).account, 'last');
  assert.throws(() => verifier(OLD).verify(last.text, last.headers), /signature/i);
});
