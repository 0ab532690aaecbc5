// What stands open to everybody.

import assert from 'node:assert/strict';
import { House } from './lib/house.mjs';
import { ask } from './lib/ask.mjs';

const house = House.open({ password: null });

house.test('the landing page opens and says what this is', {}, async ({ page }) => {
  const answer = await page.goto('/');
  assert.equal(answer.status(), 200);
  assert.match(answer.headers()['content-type'], /^text\/html/);
  assert.match(await page.title(), /Posthouse/);
});

house.test('health is true', {}, async ({ server }) => {
  const answer = await ask(`${server.url}/health`);
  assert.deepEqual([answer.status, answer.json()], [200, { success: true }]);
});

house.test('an unknown path of the API is a JSON 404, with and without a browser', {}, async ({ page, watch, server }) => {
  watch.allow(/status of 404/);
  const seen = await page.goto('/v1/nowhere');
  assert.equal(seen.status(), 404);
  assert.match(seen.headers()['content-type'], /^application\/json/);
  const asked = await ask(`${server.url}/v1/nowhere`);
  assert.equal(asked.json().statusCode, 404);
});

house.test('the harness notices an error on the console and a request to elsewhere', {}, async ({ page, watch }) => {
  await page.goto('/health');
  await page.evaluate(() => console.error('provoked'));
  await page.evaluate(() => fetch('http://127.0.0.2:9/').catch(() => {}));
  assert.ok(watch.complaints.some((text) => text.includes('provoked')));
  assert.ok(watch.complaints.some((text) => text.startsWith('request to elsewhere')));
  assert.throws(() => watch.settle(), /provoked/);
  watch.complaints.length = 0;
});
