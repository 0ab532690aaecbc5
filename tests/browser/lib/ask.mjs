// HTTP as an attacker or a program speaks it: every header as given, redirects not followed, cookies only when told.

import { request } from 'node:http';

/**
 * One request. `options`: method, headers, body (text; an object is sent as a form, `json` as JSON), jar, localAddress.
 * Returns { status, headers, text, json(), location, cookies: [raw Set-Cookie lines] }.
 */
export function ask(url, options = {}) {
  const target = new URL(url);
  const headers = { ...options.headers };
  let body = options.body;
  if (options.json !== undefined) {
    body = JSON.stringify(options.json);
    headers['content-type'] ??= 'application/json';
  } else if (body !== undefined && typeof body !== 'string') {
    body = new URLSearchParams(body).toString();
    headers['content-type'] ??= 'application/x-www-form-urlencoded';
  }
  if (body !== undefined) headers['content-length'] ??= Buffer.byteLength(body);
  const cookie = [options.jar?.header(), headers.cookie].filter(Boolean).join('; ');
  if (cookie) headers.cookie = cookie;
  return new Promise((done, fail) => {
    const call = request(
      {
        host: target.hostname,
        port: target.port,
        // As written: the URL class would clean up what an attack needs dirty.
        path: options.path ?? target.pathname + target.search,
        method: options.method ?? (body === undefined ? 'GET' : 'POST'),
        headers,
        localAddress: options.localAddress,
        agent: false,
      },
      (answer) => {
        const chunks = [];
        answer.on('data', (chunk) => chunks.push(chunk));
        answer.on('error', fail);
        answer.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          const cookies = answer.headers['set-cookie'] ?? [];
          options.jar?.take(cookies);
          done({
            status: answer.statusCode,
            headers: answer.headers,
            rawHeaders: answer.rawHeaders,
            location: answer.headers.location,
            cookies,
            text,
            json: () => JSON.parse(text),
          });
        });
      },
    );
    call.setTimeout(options.timeout ?? 60_000, () => call.destroy(new Error(`${url}: no answer`)));
    call.on('error', fail);
    call.end(body);
  });
}

/** Cookies of one visitor, by name. */
export class Jar {
  #cookies = new Map();

  take(lines) {
    for (const line of lines) {
      const [pair, ...attributes] = line.split(';');
      const [name, ...value] = pair.trim().split('=');
      const gone = attributes.some((attribute) => /^\s*max-age=0$/i.test(attribute));
      if (gone) this.#cookies.delete(name);
      else this.#cookies.set(name, value.join('='));
    }
  }

  get(name) {
    return this.#cookies.get(name);
  }

  set(name, value) {
    this.#cookies.set(name, value);
  }

  header() {
    return [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  }
}

/** The attributes of a Set-Cookie line, lower case: { value, httponly: true, samesite: 'lax', ... }. */
export function attributes(lines, name) {
  const line = lines.find((line) => line.startsWith(`${name}=`));
  if (!line) return null;
  const [pair, ...rest] = line.split(';');
  const found = { value: pair.slice(name.length + 1) };
  for (const attribute of rest) {
    const [key, value] = attribute.trim().toLowerCase().split('=');
    found[key] = value ?? true;
  }
  return found;
}
