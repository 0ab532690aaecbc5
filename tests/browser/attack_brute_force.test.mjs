// Guessing: passwords, codes, the set-up code.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Server } from './lib/server.mjs';
import { Console, roomInTheMinute } from './lib/console.mjs';
import { PASSWORD } from './lib/house.mjs';

let server;
before(async () => {
  // The address of a visitor is what the proxy before us says, as that is named.
  server = await Server.start({ password: PASSWORD, settings: { enableApiProxy: true }, env: { EENGINE_API_PROXY_ADDRESSES: '127.0.0.1' } });
});
after(() => server.remove());

const from = (address) => new Console(server, { 'x-forwarded-for': address });

const refusals = async (count, attempt) => {
  const statuses = [];
  for (let number = 0; number < count; number++) statuses.push((await attempt(number)).status);
  return statuses;
};

test('brute force: after 10 wrong passwords for one user from one address the next try is 429, and its owner elsewhere still gets in', async () => {
  await roomInTheMinute(10);
  const stranger = from('198.51.100.99');
  const statuses = await refusals(11, (number) => stranger.login(`wrong password ${number}`));
  assert.deepEqual(statuses.slice(0, 10), Array(10).fill(403));
  assert.equal(statuses[10], 429);
  const right = await stranger.login(PASSWORD);
  assert.equal(right.status, 429, 'also with the right password');
  assert.equal((await from('198.51.100.98').login(PASSWORD)).location, '/admin');
  assert.equal(right.jar?.get?.('ee'), undefined);
  assert.ok(!right.cookies.some((line) => line.startsWith('ee=') && !/max-age=0/i.test(line)));
});

test('brute force: after 30 tries from one address the next is 429, whoever is named; another address may still try', async () => {
  await roomInTheMinute(10);
  const visitor = from('203.0.113.7');
  const statuses = await refusals(31, (number) => visitor.login('wrong password', { username: `user${number}` }));
  assert.deepEqual(statuses.slice(0, 30), Array(30).fill(403));
  assert.equal(statuses[30], 429);
  assert.equal((await from('203.0.113.8').login('wrong password', { username: 'somebody' })).status, 403);
});

for (const enableApiProxy of [false, true]) test(`brute force: a made-up X-Forwarded-For does not lend another address when no proxy is named (enableApiProxy: ${enableApiProxy})`, async () => {
  const plain = await Server.start({ password: PASSWORD, settings: { enableApiProxy } });
  try {
    await roomInTheMinute(10);
    const statuses = await refusals(31, (number) =>
      new Console(plain, { 'x-forwarded-for': `192.0.2.${number}` }).login('wrong password', { username: `user${number}` }),
    );
    assert.equal(statuses[30], 429);
  } finally {
    await plain.remove();
  }
});

test('brute force: the answer does not tell whether the user exists', async () => {
  await roomInTheMinute(8);
  const known = await from('198.18.0.1').login('wrong password', { username: 'admin2' });
  const unknown = await from('198.18.0.2').login('wrong password', { username: 'nobody' });
  const plain = (text) => text.replace(/[0-9a-f]{64}/g, '').replace(/admin2|nobody/g, '');
  assert.equal(known.status, unknown.status);
  assert.equal(plain(known.text), plain(unknown.text));
});

test('brute force: the answer to a wrong password shows neither it nor a session', async () => {
  await roomInTheMinute(8);
  const answer = await from('198.18.0.3').login('a-very-special-guess', { username: 'third' });
  assert.ok(!answer.text.includes('a-very-special-guess'));
  assert.ok(!answer.cookies.some((line) => line.startsWith('ee=')));
  assert.ok(!server.logText().includes('a-very-special-guess'));
});

test('brute force: a password of a megabyte is refused at once, without being hashed', async () => {
  const start = Date.now();
  const answer = await from('198.18.0.4').login('x'.repeat(1 << 20), { username: 'fourth' });
  assert.ok(answer.status >= 400 && answer.status < 500, String(answer.status));
  assert.ok(Date.now() - start < 5000);
});

test('brute force: after 10 set-up codes from one address the next is 429, also the right one', async () => {
  const fresh = await Server.start({});
  try {
    await roomInTheMinute(8);
    const visitor = new Console(fresh, { 'x-forwarded-for': '203.0.113.9' });
    const guess = (text) => visitor.form('/admin/setup/code', { code: text });
    const statuses = await refusals(11, () => guess('AAAA-BBBB-CCCC'));
    assert.ok(
      statuses.slice(0, 10).every((status) => status === 403 || status === 400),
      String(statuses),
    );
    assert.equal(statuses[10], 429);
    const right = /\b[A-Z2-9]{4}-[A-Z2-9]{4}-[A-Z2-9]{4}\b/.exec(fresh.logText())?.[0];
    assert.ok(right, 'the server prints the code');
    assert.equal((await guess(right)).status, 429);
  } finally {
    await fresh.remove();
  }
});

