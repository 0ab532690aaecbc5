// Stored and reflected cross-site scripting: hostile text in every field, then every page is looked at. An element that got into a page, a
// dialog, a request to elsewhere, an error on the console (a violated policy is one) fails the test: the policy is the second line, not the first.

import assert from 'node:assert/strict';
import { after } from 'node:test';
import { House, PASSWORD } from './lib/house.mjs';
import { Console } from './lib/console.mjs';
import { crawl } from './lib/crawl.mjs';
import { account, append, folders, imap, message } from './lib/dovecot.mjs';
import { hosted, tokenId } from './lib/pages.mjs';
import { Receiver } from './lib/receiver.mjs';
import { eventually, uniqueName } from './lib/wait.mjs';

/** Breaks out of text, of attributes in both quotes, of textarea, title, style and script, of a comment and of a template. */
const EVIL = `"'><x-evil></x-evil><img src=/evil.png onerror=alert(1)></textarea></title></script></style>--><svg onload=alert(2)><script>alert(3)</script>{{7*7}}\${7*7}javascript:alert(4)`;
const SHORT = `"'><x-evil></x-evil><img src=/evil.png onerror=alert(1)>`;

let receiver;
let mailbox;
let token;
let id;
let pages;

const house = House.open({
  seed: async (house) => {
    const { server } = house;
    receiver = await Receiver.start();
    receiver.routes.set('/refuses', () => ({ status: 500, headers: { 'content-type': 'text/html', 'x-evil': SHORT }, body: EVIL }));
    await server.settings({
      serviceUrl: server.url,
      webhooks: `${receiver.url}/refuses`,
      webhooksEnabled: true,
      webhookEvents: ['*'],
      webhooksCustomHeaders: [{ key: 'X-Evil', value: SHORT }],
      pageBrandName: SHORT,
      tokenAuditLog: true,
    });
    // Free text of any setting; the contract says which.
    await Promise.all(
      [
        ['authServer', `${receiver.url}/?${encodeURIComponent(SHORT)}`],
        ['scriptEnv', JSON.stringify({ evil: EVIL })],
        ['smtpEhloName', 'evil.example'],
        ['notifyHeaders', [SHORT]],
        ['openAiPrompt', EVIL],
      ].map(([key, value]) => server.api('POST', '/v1/settings', { [key]: value }).catch((error) => assert.match(error.message, /: 400 /))),
    );
    mailbox = uniqueName();
    await folders(mailbox, ['<x-evil>', "Evil '\\\" folder <img src=x onerror=alert(1)>"]);
    await append(mailbox, message({ subject: SHORT, from: `"<x-evil>" <evil@example.org>` }));
    id = `evil ${SHORT} ${mailbox}`;
    await server.api('POST', '/v1/account', account(mailbox, { account: id, name: EVIL, logs: true }));
    await server.api('POST', '/v1/account', {
      account: 'refused',
      name: SHORT,
      email: 'evil@example.com',
      imap: { ...imap(), secure: false, auth: { user: SHORT, pass: 'wrong' } },
      smtp: { host: `127.0.0.1`, port: 9, secure: false, auth: { user: SHORT, pass: SHORT } },
      webhooksCustomHeaders: [{ key: 'X-Evil', value: SHORT }],
    });
    token = (
      await server.api('POST', '/v1/token', {
        description: EVIL.slice(0, 900),
        scopes: ['api'],
        account: id,
        metadata: JSON.stringify({ evil: EVIL }),
        restrictions: { referrers: [`*${SHORT}*`] },
      })
    ).token;
    await server.waitState(id, 'connected');
    await append(mailbox, message({ subject: SHORT, from: `"<x-evil>" <evil@example.org>`, headers: 'X-Evil: <x-evil>\r\n' }));
    await eventually('a webhook was refused', () => receiver.seen.length > 2);
    await fetch(`${server.url}/v1/accounts?access_token=${token}`, { headers: { 'user-agent': SHORT, referer: SHORT } });
    await server.waitState('refused', 'authenticationError');
    const visitor = new Console(server, { 'user-agent': SHORT });
    await visitor.login(PASSWORD);
    ({ pages } = await crawl(house, visitor));
  },
});
after(() => receiver?.stop());

/** Fails when hostile text became an element of the page. */
async function harmless(page) {
  await page.waitForTimeout(50);
  const found = await page.evaluate(() => [...document.querySelectorAll('x-evil, img[onerror], svg[onload], [onfocus]')].map((element) => element.outerHTML.slice(0, 100)));
  assert.deepEqual(found, [], page.url().slice(0, 100));
  assert.ok(!(await page.content()).includes('<x-evil'), page.url());
}

house.test('stored xss: hostile text is shown as text on every page of the console (descriptions, ids, names, folders, subjects, headers, settings, user agents, answers of webhooks)', { signedIn: true }, async ({ page }) => {
  const list = pages.filter((found) => found.path.startsWith('/admin') || found.path === '/').map((found) => found.path);
  assert.ok(list.length > 25, `${list.length} pages`);
  for (const path of list) {
    await page.goto(path);
    await harmless(page);
  }
});

house.test('stored xss: the pages do show the hostile text (so that the test before sees what it means to see)', { signedIn: true }, async ({ page }) => {
  for (const [path, what] of [
    [`/admin/accounts/${encodeURIComponent(id)}`, 'x-evil'],
    ['/admin/tokens', 'x-evil'],
    [`/admin/tokens/${tokenId(token)}`, 'x-evil'],
    ['/admin/accounts', 'x-evil'],
  ]) {
    await page.goto(path);
    assert.ok((await page.locator('body').innerText()).includes(what), path);
  }
});

house.test('reflected xss: hostile text in queries and paths is shown as text', { signedIn: true }, async ({ page, watch }) => {
  watch.allow(/status of 40[0-9]/);
  const evil = encodeURIComponent(EVIL);
  for (const path of [
    `/admin/accounts?query=${evil}&state=${evil}&page=${evil}`,
    `/admin/tokens?query=${evil}&scope=${evil}&page=${evil}&sort=${evil}&state=${evil}`,
    `/admin/accounts/${evil}`,
    `/admin/tokens/${evil}`,
    `/admin/config/${evil}`,
    `/admin/reference/${evil}`,
    `/admin/reference?query=${evil}`,
    `/admin?range=${evil}`,
    `/accounts/new?data=${evil}&sig=${evil}&type=${evil}&locale=${evil}`,
    `/${evil}`,
  ]) {
    await page.goto(path);
    await harmless(page);
  }
});

house.test('reflected xss: hostile text typed into the login is shown as text', {}, async ({ page, watch }) => {
  watch.allow(/status of 40[0-9]/);
  await page.goto(`/admin/login?next=${encodeURIComponent(EVIL)}`);
  await harmless(page);
  const user = page.locator('input[name=username]');
  if (await user.isVisible()) await user.fill(SHORT);
  await page.locator('input[name=password]').fill('wrong password');
  await page.locator('form:has(input[name=password]) button').first().click();
  await harmless(page);
});

house.test('stored xss: hostile fields of a hosted link are shown as text, and lead nowhere', {}, async ({ page, server }) => {
  await page.goto(await hosted(server, { account: `hosted ${SHORT}`, name: EVIL.slice(0, 250), redirectUrl: `${server.url}/?${encodeURIComponent(SHORT)}` }));
  await harmless(page);
  for (const redirectUrl of ['javascript:alert(1)', 'data:text/html,<script>alert(1)</script>', 'vbscript:x', ' javascript:alert(1)'])
    await server.api('POST', '/v1/authentication/form', { redirectUrl }, 400);
});

house.test('xss: HTML that the administrator puts on hosted pages runs no script (the policy holds there too)', {}, async ({ page, watch, server }) => {
  watch.allow(/Content Security Policy/, /status of 404/);
  await server.settings({ templateHeader: `<p id="own">Welcome</p>${EVIL}`, templateHtmlHead: '<meta name="own" content="1"><script>alert(5)</script>' });
  await page.goto(await hosted(server));
  await page.locator('#own').waitFor();
  assert.ok(!watch.complaints.some((text) => text.startsWith('dialog')));
  await server.settings({ templateHeader: '', templateHtmlHead: '' });
});

house.test('planted message: a cookie that another server of this host sets says nothing in the console', { signedIn: true }, async ({ page, context, server }) => {
  const flash = Buffer.from(JSON.stringify({ tone: 'ok', text: `planted ${EVIL}` })).toString('base64url');
  await context.addCookies([{ name: 'flash', value: flash, url: server.url }]);
  await page.goto('/admin/account/security');
  await harmless(page);
  assert.ok(!(await page.locator('body').innerText()).includes('planted'));
});

house.test('stored xss: the answers of the API are never HTML', { signedIn: true }, async ({ page, watch, server }) => {
  watch.allow(/status of 40[0-9]/);
  for (const path of [`/v1/account/${encodeURIComponent(id)}?access_token=${await server.token()}`, `/v1/accounts?query=${encodeURIComponent(EVIL)}`, `/v1/logs/${encodeURIComponent(EVIL)}`, `/metrics?${encodeURIComponent(EVIL)}`]) {
    const answer = await page.goto(path);
    assert.ok(!/html/.test(answer.headers()['content-type']), path);
    assert.equal(answer.headers()['x-content-type-options'], 'nosniff');
    await harmless(page).catch((error) => {
      if (!/x-evil/.test(error.message) || !/<pre/.test(error.message)) throw error;
    });
  }
});
