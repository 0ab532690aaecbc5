// The automated part of WCAG 2.2 AA: axe-core, and what can be measured without it.

import assert from 'node:assert/strict';
import { axeSource } from './tools.mjs';
import { PHONE, WIDE } from './house.mjs';
import { pictures } from './picture.mjs';

const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

/**
 * Fails with every violation, where it is and why. Run through the debugger, so the page's policy does not matter. `contrast`: only what
 * colours decide, for a look whose layout was held to all rules in other colours.
 */
export async function clean(page, where, { contrast = false } = {}) {
  if (!(await page.evaluate('typeof axe === "object"'))) await page.evaluate(axeSource());
  const rules = contrast ? { type: 'rule', values: ['color-contrast', 'link-in-text-block'] } : TAGS;
  const found = await page.evaluate((rules) => axe.run(document, { runOnly: rules, resultTypes: ['violations'] }).then((result) => result.violations), rules);
  const told = found.map((rule) => `${rule.id} (${rule.impact}): ${rule.help}\n${rule.nodes.map((node) => `      ${node.html.slice(0, 200)}\n        ${node.failureSummary.split('\n').slice(1).join('; ')}`).join('\n')}`);
  assert.equal(told.length, 0, `axe finds in ${where}:\n    ${told.join('\n    ')}`);
}

/** Fails when the page is wider than the window. */
export async function fits(page, where) {
  const wide = await page.evaluate(() => {
    const width = document.documentElement.clientWidth;
    const scrolls = document.documentElement.scrollWidth > width;
    const reaching = [...document.querySelectorAll('body *')].filter((element) => element.getBoundingClientRect().right > width + 1 && !element.closest('.table-wrap, pre, .visually-hidden'));
    return scrolls ? reaching.slice(0, 5).map((element) => element.outerHTML.slice(0, 120)) : null;
  });
  assert.equal(wide, null, `${where} scrolls sideways: ${wide?.join('\n    ')}`);
}

/** Fails when a button lies on the text that it copies. */
export async function apart(page, where) {
  const covered = await page.evaluate(() =>
    [...document.querySelectorAll('[data-copy]')]
      .filter((button) => button.checkVisibility())
      .filter((button) => {
        const [one, two] = [button, document.querySelector(button.dataset.copy)].map((element) => element.getBoundingClientRect());
        return one.left < two.right - 1 && two.left < one.right - 1 && one.top < two.bottom - 1 && two.top < one.bottom - 1;
      })
      .map((button) => button.dataset.copy),
  );
  assert.deepEqual(covered, [], `a button lies on what it copies in ${where}`);
}

/** Fails when something one can click or type into is smaller than 24 by 24 px (WCAG 2.5.8), links within a sentence aside. */
export async function bigEnough(page, where) {
  const small = await page.evaluate(() =>
    [...document.querySelectorAll('button, input:not([type=hidden]), select, textarea, summary, a[href]')]
      .filter((element) => element.checkVisibility() && !element.closest('.visually-hidden, .skip'))
      .filter((element) => !(element.localName === 'a' && element.closest('p, li, td, dd, dt, label, .hint')))
      .filter((element) => {
        // The label of a box or a button is part of its target.
        const label = element.labels?.[0];
        const sizes = [element, label].filter(Boolean).map((part) => part.getBoundingClientRect());
        return !sizes.some((size) => size.width >= 23.5 && size.height >= 23.5);
      })
      .map((element) => `${element.outerHTML.slice(0, 120)} ${Math.round(element.getBoundingClientRect().width)}x${Math.round(element.getBoundingClientRect().height)}`),
  );
  assert.deepEqual(small, [], `too small in ${where}`);
}

/** Fails when the element that has the focus does not show it. */
export async function showsFocus(page, where) {
  const fault = await page.evaluate(() => {
    const element = document.activeElement;
    if (!element || element === document.body) return 'nothing has the focus';
    const style = getComputedStyle(element);
    const outline = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 1;
    const marked = outline || style.boxShadow !== 'none' || [...document.querySelectorAll('label:focus-within')].some((label) => getComputedStyle(label).outlineStyle !== 'none');
    return marked ? null : element.outerHTML.slice(0, 160);
  });
  assert.equal(fault, null, `no visible focus in ${where}: ${fault}`);
}

/** Everything above, dark on a phone and light on a wide screen; with SHOTS=FOLDER there are pictures of it, in all looks. */
export async function look(page, name) {
  for (const [colorScheme, size] of [
    ['dark', PHONE],
    ['light', WIDE],
  ]) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await page.setViewportSize(size);
    await clean(page, `${name}, ${colorScheme}, ${size.width} px`);
    await fits(page, name);
    await apart(page, name);
  }
  await bigEnough(page, name);
  if (process.env.SHOTS) await pictures(page, process.env.SHOTS, name);
}
