// What a file of tests works with: one server, one browser, and visitors who come and go.

import { after, before, test } from 'node:test';
import { join } from 'node:path';
import { launch, Watch } from './browser.mjs';
import { Server } from './server.mjs';
import { signIn } from './admin.mjs';

/** The administrator's password in tests. */
export const PASSWORD = 'correct horse battery staple';

export const WIDE = { width: 1440, height: 900 };
export const PHONE = { width: 390, height: 844 };

/** How long one test may take on a busy machine; those that visit every page need a third of it on a quiet one. */
const LIMIT = process.env.SHOTS ? 300_000 : 150_000;

export class House {
  server;
  browser;
  #seed;
  #state;

  /**
   * Opens a house for the tests of this file. `options` as of Server.start; without `password: null` the administrator has PASSWORD.
   * `seed(house)` fills it once, before the first test; what it returns is stopped at the end.
   */
  static open({ seed, ...options } = {}) {
    const house = new House();
    house.#seed = seed;
    before(
      async () => {
        const password = options.password === undefined ? PASSWORD : options.password;
        [house.server, house.browser] = await Promise.all([Server.start({ ...options, password }), launch()]);
        house.seeded = await house.#seed?.(house);
      },
      { timeout: LIMIT },
    );
    after(async () => {
      house.seeded?.stop?.();
      await house.browser?.close();
      await house.server?.remove();
    });
    return house;
  }

  /**
   * A test with a page of its own. `options`: signedIn, origins (more places that requests may go to), and those of a browser
   * context (viewport, colorScheme, javaScriptEnabled, locale, extraHTTPHeaders). Fails when the browser has a complaint at the end.
   */
  test(name, options, body) {
    test(name, { timeout: LIMIT, skip: options.skip }, async () => {
      const visit = await this.visit(options);
      try {
        await body(visit);
        visit.watch.settle();
      } catch (error) {
        await picture(visit.page, name);
        error.stack += `\n  at ${visit.page.url()}${visit.watch.complaints.map((text) => `\n  seen: ${text}`).join('')}`;
        throw error;
      } finally {
        await visit.context.close();
      }
    });
  }

  /** A visitor with a browser of their own: { context, page, watch, server, house }. */
  async visit({ signedIn = false, origins = [], ...context } = {}) {
    const opened = await this.browser.newContext({
      baseURL: this.server.url,
      viewport: WIDE,
      reducedMotion: 'reduce',
      locale: 'en-GB',
      acceptDownloads: true,
      storageState: signedIn ? await this.session() : undefined,
      ...context,
    });
    opened.setDefaultTimeout(10_000);
    const watch = new Watch(opened, [this.server.url, ...origins]);
    const page = await opened.newPage();
    return { context: opened, page, watch, server: this.server, house: this };
  }

  /** The cookies of the administrator, signed in once for all tests of the file. */
  async session() {
    this.#state ??= this.#signedIn();
    return this.#state;
  }

  /** After what ended the session. */
  forgetSession() {
    this.#state = undefined;
  }

  async #signedIn() {
    const { context, page } = await this.visit();
    await signIn(page, PASSWORD);
    const state = await context.storageState();
    await context.close();
    return state;
  }
}

/** What the page looked like when a test failed. */
async function picture(page, name) {
  const folder = process.env.POSTHOUSE_TEST_DIR;
  if (!folder) return;
  const path = join(folder, `failed-${name.replace(/[^a-z0-9]+/gi, '-').slice(0, 80)}.png`);
  await page.screenshot({ path, fullPage: true, timeout: 5000 }).catch(() => {});
}
