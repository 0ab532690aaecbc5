// Being sent elsewhere: open redirects, and headers that an attacker writes into an answer.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Server } from './lib/server.mjs';
import { Console, roomInTheMinute } from './lib/console.mjs';
import { PASSWORD } from './lib/house.mjs';
import { attributes } from './lib/ask.mjs';

let server;
before(async () => {
  server = await Server.start({ password: PASSWORD, settings: { enableApiProxy: true }, env: { EENGINE_API_PROXY_ADDRESSES: '127.0.0.1' } });
});
after(() => server.remove());

let number = 0;
const visitor = () => new Console(server, { 'x-forwarded-for': `198.51.100.${number++}` });

/** Where a browser would go from the login page. */
const target = (location) => new URL(location, `${server.url}/admin/login`);

const ELSEWHERE = [
  '//evil.example',
  '///evil.example',
  '////evil.example/%2e%2e',
  'https://evil.example',
  'http:evil.example',
  'https:evil.example',
  'javascript:alert(1)',
  'data:text/html,x',
  '\\\\evil.example',
  '\\/evil.example',
  '/\\evil.example',
  '/\\/evil.example',
  '/\t/evil.example',
  '/\n/evil.example',
  '\t//evil.example',
  '\n//evil.example',
  ' //evil.example',
  '\u0000//evil.example',
  '/\u0000/evil.example',
  '\u00a0//evil.example',
  '/%09/evil.example',
  '/%0a/evil.example',
  '/%5cevil.example',
  '%2f%2fevil.example',
  '%2F%2Fevil.example',
  '/%2f/evil.example',
  '/.//evil.example',
  '/..//evil.example',
  '/admin/..//evil.example',
  '/admin/../..//evil.example',
  '//evil.example@127.0.0.1',
  '@evil.example',
  '.evil.example',
  ':80@evil.example',
  '/\u2215evil.example',
  '/\uff0fevil.example',
  'evil.example',
  'admin/tokens',
  '',
];

for (const next of ELSEWHERE)
  test(`open redirect: logging in with next=${JSON.stringify(next)} stays on this server`, async () => {
    // Ten logins of one user in a minute are the limit; the name is the same in all of these.
    if (number % 9 === 0 && number > 0) await server.restart();
    await roomInTheMinute(3);
    const here = visitor();
    const shown = await here.get(`/admin/login?next=${encodeURIComponent(next)}`);
    assert.equal(shown.status, 200);
    assert.ok(!/(href|action)="[^"]*evil\.example/.test(shown.text), 'no link to elsewhere on the page');
    const answer = await here.login(PASSWORD, { next });
    assert.equal(answer.status, 303, `${answer.status}`);
    assert.equal(target(answer.location).origin, server.url, answer.location);
    // The destination itself may send on: it must not leave either.
    const then = await here.get(target(answer.location).pathname);
    if (then.location) assert.equal(new URL(then.location, server.url).origin, server.url, then.location);
  });

test('open redirect: a path of our own with query is where the login leads', async () => {
  await server.restart();
  const answer = await visitor().login(PASSWORD, { next: '/admin/tokens?query=a%20b&page=2' });
  assert.equal(answer.location, '/admin/tokens?query=a%20b&page=2');
});

test('open redirect: a page that needs a session sends to the login with its own path only', async () => {
  for (const path of ['/admin/tokens?x=1', '//evil.example/admin', '/admin//evil.example', '/admin/%2f%2fevil.example']) {
    const answer = await visitor().get(path);
    if (answer.location) assert.match(answer.location, /^\/admin\/(login|setup)/, path);
  }
});

test('header injection: CR and LF in next write no header and no cookie', async () => {
  await server.restart();
  for (const next of ['/admin\r\nSet-Cookie: planted=1', '/admin%0d%0aSet-Cookie:planted=1', '/admin\nX-Planted: 1', '/admin\rX-Planted: 1', '/admin\u2028X-Planted: 1', '/admin\u560d\u560aX-Planted: 1']) {
    const answer = await visitor().login(PASSWORD, { next });
    assert.equal(answer.headers['x-planted'], undefined);
    assert.equal(attributes(answer.cookies, 'planted'), null);
    assert.equal(answer.status, 303);
    assert.ok(!/[\r\n]/.test(answer.location));
    assert.equal(target(answer.location).origin, server.url);
  }
});

test('header injection: CR and LF in account ids, file names and queries write no header', async () => {
  await server.restart();
  const here = visitor();
  assert.equal((await here.login(PASSWORD)).status, 303);
  const dirty = 'a\r\nX-Planted: 1\r\n\r\n<script>alert(1)</script>';
  const path = encodeURIComponent(dirty);
  for (const address of [
    `/admin/accounts/${path}`,
    `/admin/accounts/${path}/edit`,
    `/admin/accounts/${path}/log`,
    `/admin/accounts?query=${path}&state=${path}&page=${path}`,
    `/admin/tokens?query=${path}`,
    `/admin/tokens/${path}`,
    `/admin/config/${path}`,
    `/admin/reference/${path}`,
    `/admin/login?next=${path}`,
    `/accounts/new?data=${path}&sig=${path}`,
    `/static/${path}`,
    `/${path}`,
  ]) {
    const answer = await here.get(address);
    assert.equal(answer.headers['x-planted'], undefined, address);
    assert.ok(answer.status < 500, `${address}: ${answer.status}`);
    assert.ok(!answer.text.includes('<script>alert(1)'), address);
  }
  const id = 'log "quoted"; filename=evil.exe\\';
  await server.api('POST', '/v1/account', { account: id, name: 'x', email: 'x@example.com', logs: true });
  const answer = await here.get(`/v1/logs/${encodeURIComponent(id)}`, { headers: { authorization: `Bearer ${await server.token()}` } });
  const disposition = answer.headers['content-disposition'] ?? '';
  assert.ok(!/filename=evil\.exe/.test(disposition.replace(/"(\\.|[^"\\])*"/g, '""')), disposition);
});

test('header injection: Host and X-Forwarded-Host are not believed into links, cookies or redirects unescaped', async () => {
  for (const headers of [
    { host: 'evil.example' },
    { 'x-forwarded-host': 'evil.example"><script>alert(1)</script>' },
    { 'x-forwarded-proto': 'javascript' },
    { 'x-forwarded-host': 'evil.example/?', 'x-forwarded-proto': 'https' },
  ]) {
    const here = visitor();
    const shown = await here.get('/admin/login', { headers });
    assert.ok(!shown.text.includes('<script>alert'), JSON.stringify(headers));
    const sent = await here.get('/admin/tokens', { headers });
    assert.equal(sent.status, 302);
    assert.ok(sent.location.startsWith('/admin/login'), sent.location);
    for (const line of [...shown.cookies, ...sent.cookies]) assert.ok(!/evil|domain=/i.test(line), line);
  }
});
