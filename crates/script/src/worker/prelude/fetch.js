// fetch, Headers, Response and timers: what is waited for, and how an answer comes back to it.
(native, define, binary) => {
  "use strict";
  const well = (value) => `${value}`.toWellFormed();
  const waiting = new Map();
  const timers = new Map();

  class Headers {
    #map = new Map();
    constructor(init) {
      if (init === undefined || init === null) return;
      if (typeof init !== "object") throw new TypeError("headers are an object or a list of pairs");
      const pairs = typeof init[Symbol.iterator] === "function" ? init : Object.entries(init);
      for (const [name, value] of pairs) this.append(name, value);
    }
    append(name, value) {
      name = well(name).toLowerCase();
      value = well(value).trim();
      this.#map.set(name, this.#map.has(name) ? `${this.#map.get(name)}, ${value}` : value);
    }
    set(name, value) { this.#map.set(well(name).toLowerCase(), well(value).trim()); }
    get(name) { return this.#map.get(well(name).toLowerCase()) ?? null; }
    has(name) { return this.#map.has(well(name).toLowerCase()); }
    delete(name) { this.#map.delete(well(name).toLowerCase()); }
    forEach(call, self) { for (const [name, value] of this.entries()) call.call(self, value, name, this); }
    entries() { return [...this.#map].sort((a, b) => (a[0] < b[0] ? -1 : 1))[Symbol.iterator](); }
    *keys() { for (const pair of this.entries()) yield pair[0]; }
    *values() { for (const pair of this.entries()) yield pair[1]; }
    [Symbol.iterator]() { return this.entries(); }
    get [Symbol.toStringTag]() { return "Headers"; }
  }

  class Response {
    #id;
    #used = false;
    constructor(key, id, status, statusText, url, headers, redirected) {
      if (key !== waiting) throw new TypeError("a Response is made by fetch alone");
      this.#id = id;
      const fixed = {
        ok: status >= 200 && status <= 299, status, statusText, url, headers, redirected, type: "basic",
      };
      for (const name of Object.keys(fixed)) Object.defineProperty(this, name, { value: fixed[name], enumerable: true });
    }
    get bodyUsed() { return this.#used; }
    #take() {
      if (this.#used) throw new TypeError("the body has been read already");
      this.#used = true;
      return this.#id;
    }
    async text() { return native.bodyText(this.#take()); }
    async json() { return JSON.parse(native.bodyText(this.#take())); }
    async arrayBuffer() { return native.bodyBuffer(this.#take()); }
    async bytes() { return new Uint8Array(native.bodyBuffer(this.#take())); }
    clone() {
      if (this.#used) throw new TypeError("the body has been read already");
      return new Response(waiting, this.#id, this.status, this.statusText, this.url, new Headers(this.headers), this.redirected);
    }
    get [Symbol.toStringTag]() { return "Response"; }
  }

  // A key that no script has: only the controller aborts its signal.
  const abortKey = {};
  class AbortSignal {
    #aborted = false;
    #reason = undefined;
    #calls = [];
    onabort = null;
    constructor(key) { if (key !== abortKey) throw new TypeError("a signal is made by an AbortController"); }
    get aborted() { return this.#aborted; }
    get reason() { return this.#reason; }
    throwIfAborted() { if (this.#aborted) throw this.#reason; }
    addEventListener(type, call) { if (type === "abort") this.#calls.push(call); }
    removeEventListener(type, call) { this.#calls = this.#calls.filter((other) => other !== call); }
    _abort(key, reason) {
      if (key !== abortKey || this.#aborted) return;
      this.#aborted = true;
      this.#reason = reason ?? new DOMException("the operation was aborted", "AbortError");
      const calls = this.#calls;
      this.#calls = [];
      if (typeof this.onabort === "function") calls.push(this.onabort);
      for (const call of calls) call.call(this, { type: "abort", target: this });
    }
    static abort(reason) {
      const signal = new AbortSignal(abortKey);
      signal._abort(abortKey, reason);
      return signal;
    }
    static timeout(delay) {
      const signal = new AbortSignal(abortKey);
      later(() => signal._abort(abortKey, new DOMException("the time is up", "TimeoutError")), delay, [], false);
      return signal;
    }
  }
  class AbortController {
    #signal = new AbortSignal(abortKey);
    get signal() { return this.#signal; }
    abort(reason) { this.#signal._abort(abortKey, reason); }
  }

  const start = (input, init, resolve, reject) => {
    const options = init ?? {};
    const signal = options.signal ?? undefined;
    signal?.throwIfAborted();
    const headers = new Headers(options.headers);
    let body = options.body ?? undefined;
    let bytes = false;
    let type = "text/plain;charset=UTF-8";
    if (typeof body === "object" && (ArrayBuffer.isView(body) || body instanceof ArrayBuffer)) {
      body = binary(body);
      bytes = true;
      type = undefined;
    } else if (body !== undefined) {
      if (body instanceof globalThis.URLSearchParams) type = "application/x-www-form-urlencoded;charset=UTF-8";
      body = well(body);
    }
    if (body !== undefined && type !== undefined && !headers.has("content-type")) headers.set("content-type", type);
    const id = native.fetch(
      well(options.method ?? "GET"), well(input?.href ?? input), [...headers].flat(), body, bytes, well(options.redirect ?? "follow"),
    );
    waiting.set(id, [resolve, reject]);
    signal?.addEventListener("abort", () => { if (waiting.delete(id)) reject(signal.reason); });
  };

  define("AbortController", AbortController);
  define("AbortSignal", AbortSignal);
  define("Headers", Headers);
  define("Response", Response);
  define("fetch", function fetch(input, init) {
    return new Promise((resolve, reject) => { start(input, init, resolve, reject); });
  });

  let lastTimer = 0;
  const later = (call, delay, values, repeat) => {
    if (typeof call !== "function") throw new TypeError("a timer calls a function");
    const every = Math.min(Math.max(Number(delay) || 0, 0), 2 ** 31 - 1);
    lastTimer += 1;
    native.timer(lastTimer, every);
    timers.set(lastTimer, { call, values, every: repeat ? every : undefined });
    return lastTimer;
  };
  const clear = (id) => { if (timers.delete(id)) native.untimer(id); };
  define("setTimeout", function setTimeout(call, delay, ...values) { return later(call, delay, values, false); });
  define("setInterval", function setInterval(call, delay, ...values) { return later(call, delay, values, true); });
  define("clearTimeout", function clearTimeout(id) { clear(id); });
  define("clearInterval", function clearInterval(id) { clear(id); });

  return {
    settle(id, error, status, statusText, url, flat, redirected) {
      const promise = waiting.get(id);
      if (!promise) return;
      waiting.delete(id);
      if (error !== undefined && error !== null) {
        promise[1](new TypeError(`fetch failed: ${error}`));
        return;
      }
      const headers = new Headers();
      for (let at = 0; at < flat.length; at += 2) headers.append(flat[at], flat[at + 1]);
      promise[0](new Response(waiting, id, status, statusText, url, headers, redirected));
    },
    fire(id) {
      const timer = timers.get(id);
      if (!timer) return;
      if (timer.every === undefined) timers.delete(id);
      else native.timer(id, timer.every);
      timer.call(...timer.values);
    },
    forget() {
      waiting.clear();
      timers.clear();
    },
  };
}
