// Sessions: fixation, forged and foreign cookies, what ends them, attributes of cookies.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Server } from './lib/server.mjs';
import { Console } from './lib/console.mjs';
import { attributes } from './lib/ask.mjs';
import { PASSWORD } from './lib/house.mjs';
import { sleep } from './lib/wait.mjs';

let server;
before(async () => {
  server = await Server.start({ password: PASSWORD });
});
after(() => server.remove());

const signedIn = async (where = server, headers = {}) => {
  const visitor = new Console(where, headers);
  const answer = await visitor.login(PASSWORD);
  assert.equal(answer.status, 303, answer.text.slice(0, 300));
  return visitor;
};

const holding = (cookie, where = server) => {
  const visitor = new Console(where);
  visitor.jar.set('ee', cookie);
  return visitor;
};

/** Whether this visitor is let in. */
const inside = async (visitor) => {
  const answer = await visitor.get('/admin/tokens');
  if (answer.status === 200) return true;
  assert.equal(answer.status, 302, String(answer.status));
  assert.match(answer.location, /^\/admin\/login/);
  return false;
};

test('session fixation: a cookie that was there before the login is not the one after, and stays worthless', async () => {
  const planted = 'A'.repeat(86);
  const visitor = holding(planted);
  await visitor.get('/admin/login');
  assert.equal((await visitor.login(PASSWORD)).status, 303);
  assert.notEqual(visitor.jar.get('ee'), planted);
  assert.ok(await inside(visitor));
  assert.equal(await inside(holding(planted)), false);
});

test('session fixation: a valid cookie of another login is replaced by a new one at login and ends', async () => {
  const first = await signedIn();
  const old = first.jar.get('ee');
  assert.equal((await first.login(PASSWORD)).status, 303);
  assert.notEqual(first.jar.get('ee'), old);
  assert.ok(await inside(first));
  assert.equal(await inside(holding(old)), false);
});

test('session fixation: the cookie of another installation opens nothing', async () => {
  const other = await Server.start({ password: PASSWORD });
  try {
    const visitor = await signedIn(other);
    assert.equal(await inside(holding(visitor.jar.get('ee'))), false);
  } finally {
    await other.remove();
  }
});

test('session: a cookie with any letter changed, cut or doubled opens nothing', async () => {
  const good = (await signedIn()).jar.get('ee');
  const other = (letter) => (letter === 'A' ? 'B' : 'A');
  const forged = [
    ...[0, 1, Math.floor(good.length / 2), good.length - 4].map((at) => good.slice(0, at) + other(good[at]) + good.slice(at + 1)),
    good.slice(0, -8),
    good + good,
    '',
    'null',
    '%00',
    'e30',
  ];
  for (const cookie of forged) assert.equal(await inside(holding(cookie)), false, cookie);
  assert.ok(await inside(holding(good)));
});

test('session: after logging out the cookie is worthless, also when it is kept', async () => {
  const visitor = await signedIn();
  const kept = visitor.jar.get('ee');
  assert.equal((await visitor.form('/admin/logout')).status, 303);
  assert.equal(await inside(holding(kept)), false);
});

test('session: logging out by GET does nothing', async () => {
  const visitor = await signedIn();
  const answer = await visitor.get('/admin/logout');
  assert.ok(answer.status >= 400, String(answer.status));
  assert.ok(await inside(visitor));
});

test('session: a new password by the command line ends every session within a second', async () => {
  const other = await Server.start({ password: PASSWORD });
  try {
    const visitor = await signedIn(other);
    assert.ok(await inside(visitor));
    await other.command('password', '-p', 'another good password');
    await sleep(1000);
    assert.equal(await inside(visitor), false);
  } finally {
    await other.remove();
  }
});

test('session: a new password on the page ends the other sessions', async () => {
  const other = await Server.start({ password: PASSWORD });
  try {
    const [one, two] = [await signedIn(other), await signedIn(other)];
    const answer = await one.form('/admin/account/password', { current: PASSWORD, password: 'another good password', repeat: 'another good password' });
    assert.equal(answer.status, 303, answer.text.slice(0, 2000));
    await sleep(1000);
    assert.equal(await inside(two), false);
  } finally {
    await other.remove();
  }
});

test('cookies: the session is HttpOnly, SameSite=Lax, for the whole site, and ends with the browser; the crumb is Strict', async () => {
  const visitor = new Console(server);
  const page = await visitor.get('/admin/login');
  const crumb = attributes(page.cookies, 'crumb');
  assert.deepEqual([crumb.httponly, crumb.samesite, crumb.path, crumb.secure], [true, 'strict', '/', undefined]);
  const session = attributes((await visitor.login(PASSWORD)).cookies, 'ee');
  assert.deepEqual([session.httponly, session.samesite, session.path, session.secure, session['max-age'], session.domain], [true, 'lax', '/', undefined, undefined, undefined]);
  const long = attributes((await new Console(server).login(PASSWORD, { remember: 'on' })).cookies, 'ee');
  assert.ok(Math.abs(Number(long['max-age']) - 30 * 86400) < 120, String(long['max-age']));
});

test('cookies: with an https service URL they are Secure, as they are behind a proxy that speaks https', async () => {
  const secure = await Server.start({ password: PASSWORD, settings: { serviceUrl: 'https://mail.example.com' } });
  try {
    const visitor = new Console(secure);
    const page = await visitor.get('/admin/login');
    assert.equal(attributes(page.cookies, 'crumb').secure, true);
    assert.equal(attributes((await visitor.login(PASSWORD)).cookies, 'ee').secure, true);
  } finally {
    await secure.remove();
  }
});

test('allowlist: every path of the console answers 403 with a page to who is not listed, and nothing else does', async () => {
  const shut = await Server.start({ password: PASSWORD, env: { EENGINE_ADMIN_ACCESS_ADDRESSES: '192.0.2.0/24', EENGINE_API_PROXY_ADDRESSES: '127.0.0.1' }, settings: { enableApiProxy: true } });
  try {
    for (const path of ['/admin', '/admin/', '/admin/login', '/admin/tokens', '/admin/setup', '/admin/changes', '/admin/nowhere', '/admin/account/security']) {
      const answer = await new Console(shut).get(path);
      assert.equal(answer.status, 403, path);
      assert.match(answer.headers['content-type'], /^text\/html/, path);
      assert.ok(!answer.cookies.some((line) => line.startsWith('ee=')), path);
    }
    for (const path of ['//admin', '/%61dmin', '/ADMIN', '/admin%2ftokens', '/./admin/tokens', '/static/../admin/tokens', '/admin;x/tokens'])
      assert.notEqual((await new Console(shut).get(path)).status, 200, path);
    const posted = await new Console(shut).form('/admin/login', { username: 'admin', password: PASSWORD });
    assert.equal(posted.status, 403);
    assert.equal((await new Console(shut, { 'x-forwarded-for': '192.0.2.77' }).get('/admin/login')).status, 200);
    assert.equal((await new Console(shut).get('/')).status, 200);
    assert.equal((await new Console(shut).get('/health')).status, 200);
  } finally {
    await shut.remove();
  }
});

test('allowlist: without a named proxy X-Forwarded-For opens nothing, and each of its entries must be listed', async () => {
  for (const [list, forwarded, status] of [
    ['192.0.2.0/24', '192.0.2.77', 403],
    ['192.0.2.0/24,127.0.0.1', '192.0.2.77', 200],
    ['192.0.2.0/24,127.0.0.1', '203.0.113.5, 192.0.2.77', 403],
    ['192.0.2.0/24,127.0.0.1', 'unknown', 403],
  ]) {
    const shut = await Server.start({ password: PASSWORD, env: { EENGINE_ADMIN_ACCESS_ADDRESSES: list }, settings: { enableApiProxy: true } });
    try {
      const answer = await new Console(shut, { 'x-forwarded-for': forwarded }).get('/admin/login');
      assert.equal(answer.status, status, `${list} ${forwarded}`);
    } finally {
      await shut.remove();
    }
  }
});
