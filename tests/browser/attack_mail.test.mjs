// Hostile letters: what the API hands out for `webSafeHtml` is put into pages that nothing else protects (no policy, no frame). No script may
// run, nothing may be asked for but the images that a letter shows, and what is beside the letter stays as it was.

import assert from 'node:assert/strict';
import { House } from './lib/house.mjs';
import { account, append } from './lib/dovecot.mjs';
import { attacks } from './lib/attacks.mjs';
import { uniqueName } from './lib/wait.mjs';

const PAGE = 'https://page.test';

/** [{ name, html, safe }] */
let vectors;

const letter = ({ html }, index) =>
  `From: <evil@example.org>\r\nTo: <rcpt@example.com>\r\nSubject: vector ${index}\r\nDate: Tue, 01 Sep 2026 10:00:00 +0000\r\n` +
  `Message-ID: <${index}@evil.test>\r\nMIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n` +
  `${Buffer.from(html).toString('base64').replace(/.{76}/g, '$&\r\n')}\r\n`;

const house = House.open({
  seed: async ({ server }) => {
    const list = attacks();
    const mailbox = uniqueName();
    await append(mailbox, list.map(letter));
    await server.api('POST', '/v1/account', account(mailbox));
    await server.waitState(mailbox, 'connected');
    const { messages } = await server.api('GET', `/v1/account/${mailbox}/messages?path=INBOX&pageSize=1000`);
    const left = [...messages];
    vectors = [];
    const read = async () => {
      for (let message = left.pop(); message; message = left.pop()) {
        const index = Number(message.subject.split(' ')[1]);
        const { html, webSafe } = await server.api('GET', `/v1/account/${mailbox}/text/${message.text.id}?webSafeHtml=true`);
        assert.equal(webSafe, true);
        vectors[index] = { ...list[index], safe: html };
      }
    };
    await Promise.all([read(), read(), read()]);
    assert.ok(vectors.length >= 500 && vectors.length === list.length);
  },
});

/** A page of somebody who shows letters: a sign above, one beside, one below. */
const page = (html) => `<!doctype html><meta charset=utf-8><script>
  window.hits = []; window.hit = (...x) => { window.hits.push(String(x)); };
  window.addEventListener('error', (event) => event.message && window.hits.push(event.message));
  </script><style>.sign{color:rgb(1,2,3);font:16px/20px monospace;width:80px;height:20px}</style>
  <body style="margin:0"><div id=sentinel class="sign sentinel modal" style="margin-left:20px">above</div>
  <div style="display:flex"><div id=host style="width:400px">${html}</div><div id=beside class=sign>beside</div></div><div id=below class=sign>below</div>`;

/** What is to be seen of the signs; of those that a long letter moves, without their place. */
const signs = () =>
  ['sentinel', 'beside', 'below'].map((id) => {
    const element = document.getElementById(id);
    const { color, fontSize, display, visibility, opacity, position, backgroundColor, direction, letterSpacing } = getComputedStyle(element);
    const { x, y, width, height } = element.getBoundingClientRect();
    const inView = id !== 'below';
    const onTop = !inView || document.elementFromPoint(x + width / 2, y + height / 2) === element;
    return JSON.stringify([id, color, fontSize, display, visibility, opacity, position, backgroundColor, direction, letterSpacing, x, inView && y, width, height, onTop]);
  });

/** Does to all elements of a letter what a reader might do, but follow links. */
const provoke = () => {
  for (const element of document.querySelectorAll('#host *')) {
    for (const kind of ['mouseover', 'mouseenter', 'pointerenter', 'focus', 'focusin', 'keydown', 'input', 'toggle', 'load', 'error', 'scroll', 'animationstart', 'begin'])
      element.dispatchEvent(new Event(kind));
    if (!element.closest('a')) element.dispatchEvent(new MouseEvent('click', { cancelable: true }));
  }
};

/** A browser without any protection, and all that it does. */
async function watched() {
  const context = await house.browser.newContext({ viewport: { width: 1000, height: 800 } });
  const seen = { requests: [], dialogs: [], pages: 0, navigations: [] };
  const served = new Map();
  await context.route('**/*', (route) => {
    const html = served.get(route.request().url());
    if (html !== undefined) return route.fulfill({ contentType: 'text/html; charset=utf-8', body: html });
    return route.abort();
  });
  context.on('page', () => seen.pages++);
  const tab = await context.newPage();
  tab.on('request', (request) => served.has(request.url()) || /^data:/.test(request.url()) || seen.requests.push(request.url()));
  tab.on('framenavigated', (frame) => seen.navigations.push(frame.url()));
  tab.on('dialog', (dialog) => {
    seen.dialogs.push(dialog.message());
    return dialog.dismiss();
  });
  const show = async (path, html) => {
    served.set(PAGE + path, page(html));
    await tab.goto(PAGE + path, { waitUntil: 'domcontentloaded' });
    served.delete(PAGE + path);
  };
  return { context, tab, seen, show };
}

/** What a letter may ask for. */
const images = (tab) => tab.evaluate(() => [...document.querySelectorAll('#host img[src]')].map((image) => image.src));

house.test('the pages of this test do see attacks', {}, async () => {
  const { context, tab, seen, show } = await watched();
  await show('/', '');
  const usual = await tab.evaluate(signs);
  await show('/raw', '<img src=x onerror=hit()><svg onload=alert(1)><b style="background:url(https://evil.test/bg.png)">x</b><style>#beside{color:red}</style><div style="position:fixed;inset:0">x</div>');
  await tab.waitForTimeout(200);
  assert.ok((await tab.evaluate(() => window.hits)).length > 0);
  assert.deepEqual(seen.dialogs, ['1']);
  assert.ok(seen.requests.includes('https://evil.test/bg.png'));
  const now = await tab.evaluate(signs);
  assert.notEqual(now[0], usual[0]);
  assert.notEqual(now[1], usual[1]);
  await context.close();
});

for (const way of ['parsed as a part of a document', 'written by innerHTML'])
  house.test(`hostile letters do nothing, ${way}`, {}, async () => {
    const { context, tab, seen, show } = await watched();
    const allowed = new Set();
    const faults = [];
    await show('/', '');
    const usual = await tab.evaluate(signs);
    for (const [index, { name, safe }] of vectors.entries()) {
      if (way.startsWith('parsed')) await show(`/${index}`, safe);
      else await tab.evaluate((html) => (document.getElementById('host').innerHTML = html), safe);
      const now = await tab.evaluate(signs);
      await tab.evaluate(provoke);
      await tab.evaluate(() => new Promise((done) => setTimeout(done)));
      for (const url of await images(tab)) allowed.add(url);
      const hits = await tab.evaluate(() => window.hits.splice(0));
      if (hits.length) faults.push(`${name}: ran ${hits}`);
      usual.forEach((sign, at) => now[at] !== sign && faults.push(`${name}: ${sign} became ${now[at]}`));
      if (!tab.url().startsWith(`${PAGE}/`)) faults.push(`${name}: left for ${tab.url()}`);
    }
    await tab.waitForTimeout(300);
    faults.push(...seen.dialogs.map((text) => `dialog ${text}`));
    faults.push(...seen.requests.filter((url) => !allowed.has(url)).map((url) => `request ${url}`));
    faults.push(...seen.navigations.filter((url) => !url.startsWith(`${PAGE}/`)).map((url) => `navigation ${url}`));
    if (seen.pages !== 1) faults.push(`${seen.pages} pages`);
    assert.deepEqual(faults, []);
    await context.close();
  });
