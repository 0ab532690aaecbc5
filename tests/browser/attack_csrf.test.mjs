// Requests that another site makes a browser send. Every form of every page is tried, as the crawl finds them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { House, PASSWORD } from './lib/house.mjs';
import { Console, OWN } from './lib/console.mjs';
import { crawl } from './lib/crawl.mjs';
import { fill } from './lib/demo.mjs';

let forms;
let visitor;
const house = House.open({
  seed: async (house) => {
    const demo = await fill(house.server, { settled: false });
    visitor = new Console(house.server);
    await visitor.login(PASSWORD);
    forms = (await crawl(house, visitor)).forms;
    return demo;
  },
});

/** Sends every form with what it would send, but for what `change` makes of it. */
async function everyFormIsRefused(change) {
  assert.ok(forms.length > 20, `${forms.length} forms found`);
  for (const form of forms) {
    const fields = { ...form.fields, crumb: await visitor.crumb() };
    const options = { method: 'POST', headers: OWN(house.server), body: fields };
    change(options, fields);
    const answer = await visitor.get(form.action, options);
    assert.equal(answer.status, 403, `${form.action}: ${answer.status}`);
  }
}

test('csrf: every form of the console is refused without a crumb', () => everyFormIsRefused((_, fields) => delete fields.crumb));

test('csrf: every form of the console is refused with an empty, a foreign or a shortened crumb', async () => {
  for (const crumb of ['', 'f'.repeat(64)]) await everyFormIsRefused((_, fields) => (fields.crumb = crumb));
  await everyFormIsRefused((_, fields) => (fields.crumb = fields.crumb.slice(0, 32)));
});

test('csrf: every form of the console is refused when the browser says that it comes from another site', async () => {
  for (const site of ['cross-site', 'same-site']) await everyFormIsRefused((options) => (options.headers = { origin: 'https://evil.example', 'sec-fetch-site': site }));
});

test('csrf: every form of the console is refused from a foreign origin, from origin null and from a look-alike, without fetch metadata', async () => {
  for (const origin of ['https://evil.example', 'null', `${house.server.url}.evil.example`, `http://127.0.0.1:1`])
    await everyFormIsRefused((options) => (options.headers = { origin }));
});

test('csrf: a crumb that an attacker knows but the cookie does not hold is refused', async () => {
  const other = new Console(house.server);
  const theirs = await other.crumb();
  await everyFormIsRefused((_, fields) => (fields.crumb = theirs));
});

test('csrf: a crumb in the address is not taken for one in the form', async () => {
  for (const form of forms) {
    const path = `${form.action}${form.action.includes('?') ? '&' : '?'}crumb=${await visitor.crumb()}`;
    const answer = await visitor.get(path, { method: 'POST', headers: OWN(house.server), body: { ...form.fields, crumb: '' } });
    assert.equal(answer.status, 403, path);
  }
});

test('csrf: calls of scripts are refused without X-CSRF-Token', async () => {
  const answer = await visitor.get('/admin/tokens/new', { json: { description: 'csrf', scopes: ['api'] }, headers: OWN(house.server) });
  // The one place whose refusals are answers of status 200.
  assert.deepEqual([answer.status, answer.json().success, answer.json().statusCode], [200, false, 403]);
  const right = await visitor.json('/admin/tokens/new', { description: 'not csrf', scopes: ['api'], permissions: { actions: ['read'] } });
  assert.equal(right.json().success, true, right.text);
});

test('csrf: a body that says text/plain or multipart does not get around the crumb', async () => {
  const before = (await house.server.api('GET', '/v1/tokens')).total;
  for (const type of ['text/plain', 'multipart/form-data; boundary=x', 'application/json']) {
    const answer = await visitor.get('/admin/tokens/new', {
      method: 'POST',
      headers: { ...OWN(house.server), 'content-type': type },
      body: JSON.stringify({ description: 'csrf', scopes: ['*'] }),
    });
    assert.ok(answer.status === 403 || answer.json().success === false, `${type}: ${answer.status}`);
  }
  assert.equal((await house.server.api('GET', '/v1/tokens')).total, before);
});

test('csrf: login itself needs the crumb (no login into an account of the attacker)', async () => {
  const answer = await new Console(house.server).get('/admin/login', {
    body: { username: 'admin', password: PASSWORD },
    headers: { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' },
  });
  assert.equal(answer.status, 403);
  assert.ok(!answer.cookies.some((line) => line.startsWith('ee=')));
});

test('csrf: GET on the address of a form changes nothing, nor do HEAD and a method in a header or a field', async () => {
  const state = async () => ({
    settings: await house.server.api('GET', '/v1/settings?webhooks=true&webhooksEnabled=true&serviceUrl=true&trackOpens=true&enableApiProxy=true'),
    tokens: (await house.server.api('GET', '/v1/tokens')).tokens.map((token) => token.id).sort(),
    accounts: (await house.server.api('GET', '/v1/accounts?pageSize=1000')).accounts.map((account) => account.account).sort(),
    inside: (await visitor.get('/admin/tokens')).status,
  });
  const before = await state();
  for (const form of forms) {
    const query = new URLSearchParams({ ...form.fields, crumb: await visitor.crumb(), _method: 'POST' });
    for (const method of ['GET', 'HEAD'])
      await visitor.get(`${form.action}${form.action.includes('?') ? '&' : '?'}${query}`, { method, headers: { 'x-http-method-override': 'POST', 'x-method-override': 'DELETE' } });
  }
  assert.deepEqual(await state(), before);
});

test('csrf: PUT, PATCH, DELETE on the pages are refused', async () => {
  for (const method of ['PUT', 'PATCH', 'DELETE'])
    for (const path of ['/admin', '/admin/tokens', '/admin/accounts', '/admin/config/webhooks']) {
      const answer = await visitor.get(path, { method, headers: { ...OWN(house.server), 'x-csrf-token': await visitor.crumb() } });
      assert.ok([403, 404, 405].includes(answer.status), `${method} ${path}: ${answer.status}`);
    }
});
