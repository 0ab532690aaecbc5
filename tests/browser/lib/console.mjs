// The console without a browser: what an attacker or a script sends.

import { ask, Jar } from './ask.mjs';

/** Headers that a browser sends with a form of our own page. */
export const OWN = (server) => ({ origin: server.url, 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'navigate' });

export class Console {
  /** `headers` go with every request: X-Forwarded-For, User-Agent. */
  constructor(server, headers = {}) {
    this.server = server;
    this.headers = headers;
    this.jar = new Jar();
  }

  get(path, options = {}) {
    return this.#ask(path, options);
  }

  /** A form, with the crumb of this visitor. */
  async form(path, fields = {}, options = {}) {
    const body = { crumb: await this.crumb(), ...fields };
    return this.#ask(path, { body, ...options, headers: { ...OWN(this.server), ...options.headers } });
  }

  /** A script's call, with the crumb in its header. */
  async json(path, json, options = {}) {
    return this.#ask(path, { json, ...options, headers: { ...OWN(this.server), 'x-csrf-token': await this.crumb(), ...options.headers } });
  }

  /** This visitor's crumb. */
  async crumb() {
    if (!this.jar.get('crumb')) await this.get('/admin/login');
    return this.jar.get('crumb') ?? '';
  }

  login(password, { username = 'admin', next = '/admin', ...more } = {}) {
    return this.form('/admin/login', { username, password, next, ...more });
  }

  #ask(path, options) {
    return ask(this.server.url + encodeURI(path), { path, jar: this.jar, ...options, headers: { ...this.headers, ...options.headers } });
  }
}

/** Waits for the next minute if this one has less than `seconds` left: limits count by the minute. */
export async function roomInTheMinute(seconds = 20) {
  const left = 60_000 - (Date.now() % 60_000);
  if (left < seconds * 1000) await new Promise((done) => setTimeout(done, left + 50));
}
