// What an answer allows a browser: no frames around us, no code but our files, nothing from elsewhere.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { House, PASSWORD } from './lib/house.mjs';
import { Console } from './lib/console.mjs';
import { crawl } from './lib/crawl.mjs';
import { fill } from './lib/demo.mjs';
import { Receiver } from './lib/receiver.mjs';

let pages;
let evil;
const house = House.open({
  seed: async (house) => {
    const demo = await fill(house.server, { settled: false });
    const visitor = new Console(house.server);
    await visitor.login(PASSWORD);
    pages = (await crawl(house, visitor)).pages;
    for (const path of ['/admin/login', '/nowhere', '/admin/nowhere', '/accounts/new', '/v1/nowhere']) pages.push(await bare(house, new Console(house.server), path));
    return demo;
  },
});
before(async () => {
  evil = await Receiver.start();
});
after(() => {
  evil.stop();
});

/** A page that is not linked, as a stranger sees it. */
async function bare(house, visitor, path) {
  const answer = await visitor.get(path);
  return { path, ...answer, facts: null };
}

test('the crawl finds the rooms of the console', () => {
  const found = pages.map((page) => page.path.split('?')[0]);
  for (const path of ['/', '/admin', '/admin/accounts', '/admin/tokens', '/admin/tokens/new', '/admin/config/webhooks', '/admin/reference', '/admin/account/security'])
    assert.ok(found.includes(path), `${path} is linked: ${[...new Set(found)].join(' ')}`);
  for (const page of pages.filter((page) => page.facts)) assert.ok(page.status === 200, `${page.path}: ${page.status}`);
});

test('policy: every page forbids inline code, other origins, frames, plug-ins and a foreign base', () => {
  for (const page of pages.filter((page) => /html/.test(page.headers['content-type']))) {
    const policy = Object.fromEntries(
      (page.headers['content-security-policy'] ?? '').split(';').map((part) => {
        const [name, ...values] = part.trim().split(/\s+/);
        return [name, values.join(' ')];
      }),
    );
    assert.equal(policy['default-src'], "'none'", page.path);
    assert.equal(policy['script-src'], "'self'", page.path);
    assert.equal(policy['style-src'], "'self'", page.path);
    assert.equal(policy['frame-ancestors'], "'none'", page.path);
    assert.equal(policy['base-uri'], "'none'", page.path);
    assert.equal(policy['form-action'], "'self'", page.path);
    assert.ok(!/unsafe|\*|https?:/.test(page.headers['content-security-policy']), page.path);
    assert.equal(page.headers['x-frame-options'], 'DENY', page.path);
    assert.equal(page.headers['x-content-type-options'], 'nosniff', page.path);
    assert.match(page.headers['referrer-policy'], /^(same-origin|no-referrer|strict-origin)$/, page.path);
    assert.match(page.headers['cache-control'], /no-store/, page.path);
    assert.equal(page.headers.server, undefined, page.path);
    assert.equal(page.headers['x-powered-by'], undefined, page.path);
  }
});

test('policy: no page has an inline script, style, event handler, frame or script address', () => {
  for (const page of pages.filter((page) => page.facts)) assert.deepEqual(page.facts.inline, [], page.path);
});

test('policy: no page loads anything from another origin', () => {
  for (const page of pages.filter((page) => page.facts)) assert.deepEqual(page.facts.elsewhere, [], page.path);
});

test('policy: a form that changes something never uses GET and carries the crumb', () => {
  for (const page of pages.filter((page) => page.facts))
    for (const form of page.facts.forms.filter((form) => form.id !== 'call')) {
      // The form `call` of the reference is sent by its script alone.
      const changes = form.method.toLowerCase() === 'post';
      if (changes) assert.ok(form.fields.crumb?.length === 64 || 'data' in form.fields, `${page.path}: ${form.action}`);
      else assert.ok(!('crumb' in form.fields) && !Object.keys(form.fields).some((name) => /pass|secret|token/i.test(name)), `${page.path}: ${form.action}`);
    }
});

for (const path of ['/admin', '/admin/login', '/admin/tokens/new', '/admin/config/webhooks', '/accounts/new', '/'])
  house.test(`clickjacking: ${path} in a frame of another page stays empty`, { signedIn: path !== '/admin/login' }, async ({ page, watch, server }) => {
    watch.origins.push(evil.url);
    watch.allow(/frame-ancestors|X-Frame-Options|Refused to (display|frame)|Framing/i, /ERR_BLOCKED_BY_RESPONSE/, /status of/);
    evil.routes.set('/frame', () => ({ headers: { 'content-type': 'text/html' }, body: `<!doctype html><title>evil</title><iframe src="${server.url}${path}" width="800" height="600"></iframe>` }));
    await page.goto(`${evil.url}/frame`);
    await page.waitForTimeout(300);
    const frame = page.frames().find((frame) => frame !== page.mainFrame());
    assert.ok(frame, 'there is a frame');
    const text = await frame.evaluate(() => document.querySelectorAll('form, nav, main').length).catch(() => 0);
    assert.equal(text, 0);
    assert.match(frame.url(), /^(chrome-error:|about:blank|$)/);
  });

house.test('a page of another origin cannot read the console', { signedIn: true }, async ({ page, watch, server }) => {
  watch.origins.push(evil.url);
  watch.allow(/CORS|status of|Failed to load|failed request/);
  evil.routes.set('/read', () => ({ headers: { 'content-type': 'text/html' }, body: '<!doctype html><title>evil</title>' }));
  await page.goto(`${evil.url}/read`);
  for (const path of ['/admin', '/admin/tokens', '/v1/accounts', '/admin/changes']) {
    const read = await page.evaluate((url) => fetch(url, { credentials: 'include' }).then((answer) => answer.text()).catch(() => 'refused'), server.url + path);
    assert.equal(read, 'refused', path);
  }
});
