// Headless Chromium, and what a page may not do: every complaint that is collected here fails the test.

import { chromium } from './tools.mjs';

const FLAGS = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--force-color-profile=srgb',
  '--font-render-hinting=none',
];

export const launch = () => chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: FLAGS });

/** Collects what a page must not do: errors on the console, errors of scripts, failed requests, requests to elsewhere, dialogs. */
export class Watch {
  complaints = [];
  #allowed = [];

  /** `origins`: where requests may go. */
  constructor(context, origins) {
    this.origins = origins;
    context.on('page', (page) => this.#follow(page));
  }

  /** What this test provokes itself, as in: watch.allow(/status of 403/). */
  allow(...patterns) {
    this.#allowed.push(...patterns);
  }

  /** Fails if there was anything. */
  settle() {
    const left = this.complaints.filter((text) => !this.#allowed.some((pattern) => pattern.test(text)));
    if (left.length) throw new Error(`The browser complains:\n  ${left.join('\n  ')}`);
  }

  #follow(page) {
    const note = (text) => this.complaints.push(text.slice(0, 400));
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) note(`console ${message.type()}: ${message.text()} (${page.url()})`);
    });
    page.on('pageerror', (error) => note(`error of a script: ${error.message} (${page.url()})`));
    page.on('requestfailed', (request) => {
      const why = request.failure()?.errorText;
      // Leaving a page ends its streams; a download is no navigation.
      if (why !== 'net::ERR_ABORTED') note(`failed request: ${request.method()} ${request.url()} ${why}`);
    });
    page.on('request', (request) => {
      const url = request.url();
      if (/^(data|blob|about|chrome-error):/.test(url)) return;
      if (!this.origins.includes(new URL(url).origin)) note(`request to elsewhere: ${url}`);
    });
    // A dialog that nobody expects is a script that ran.
    page.on('dialog', async (dialog) => {
      note(`dialog: ${dialog.type()} ${dialog.message()}`);
      await dialog.dismiss().catch(() => {});
    });
  }
}
