// URL and URLSearchParams; parsing and serialising are native.
(native, define) => {
  "use strict";
  const well = (value) => `${value}`.toWellFormed();

  class URLSearchParams {
    #list = [];
    #changed = undefined;

    constructor(init = "") {
      if (typeof init === "object" && init !== null) {
        if (typeof init[Symbol.iterator] === "function") {
          for (const pair of init) {
            const [name, value, ...rest] = pair;
            if (rest.length > 0 || value === undefined) throw new TypeError("a pair has a name and a value");
            this.#list.push([well(name), well(value)]);
          }
        } else {
          for (const name of Object.keys(init)) this.#list.push([well(name), well(init[name])]);
        }
      } else {
        this.#read(well(init));
      }
    }
    #read(text) {
      const flat = native.query(text.startsWith("?") ? text.slice(1) : text);
      this.#list = [];
      for (let at = 0; at < flat.length; at += 2) this.#list.push([flat[at], flat[at + 1]]);
    }
    #tell() { if (this.#changed) this.#changed(this.toString()); }
    // Ties the list to a URL: what to do when it changes here, and how to take over a change there.
    static tie(params, changed) { params.#changed = changed; }
    static take(params, text) { params.#read(text); }

    get size() { return this.#list.length; }
    append(name, value) { this.#list.push([well(name), well(value)]); this.#tell(); }
    delete(name, value) {
      name = well(name);
      this.#list = this.#list.filter((pair) => pair[0] !== name || (value !== undefined && pair[1] !== well(value)));
      this.#tell();
    }
    get(name) { name = well(name); return this.#list.find((pair) => pair[0] === name)?.[1] ?? null; }
    getAll(name) { name = well(name); return this.#list.filter((pair) => pair[0] === name).map((pair) => pair[1]); }
    has(name, value) {
      name = well(name);
      return this.#list.some((pair) => pair[0] === name && (value === undefined || pair[1] === well(value)));
    }
    set(name, value) {
      name = well(name);
      const at = this.#list.findIndex((pair) => pair[0] === name);
      if (at < 0) {
        this.#list.push([name, well(value)]);
      } else {
        this.#list[at] = [name, well(value)];
        this.#list = this.#list.filter((pair, index) => index <= at || pair[0] !== name);
      }
      this.#tell();
    }
    sort() { this.#list.sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0)); this.#tell(); }
    forEach(call, self) { for (const [name, value] of this.#list) call.call(self, value, name, this); }
    *entries() { for (const pair of this.#list) yield [pair[0], pair[1]]; }
    *keys() { for (const pair of this.#list) yield pair[0]; }
    *values() { for (const pair of this.#list) yield pair[1]; }
    [Symbol.iterator]() { return this.entries(); }
    toString() { return native.unquery(this.#list.flat()); }
    get [Symbol.toStringTag]() { return "URLSearchParams"; }
  }
  const { tie, take } = URLSearchParams;
  delete URLSearchParams.tie;
  delete URLSearchParams.take;

  // In the order in which the native side gives the parts.
  const parts = ["href", "protocol", "username", "password", "host", "hostname", "port", "pathname", "search", "hash"];
  class URL {
    #parts;
    #params = undefined;
    constructor(url, base) {
      this.#parts = native.url(well(url), base === undefined ? undefined : well(base));
    }
    static part(url, index) { return url.#parts[index]; }
    static change(url, name, value) {
      url.#parts = name === "href" ? native.url(value, undefined) : native.urlSet(url.#parts[0], name, value);
      if (url.#params && (name === "search" || name === "href")) take(url.#params, url.#parts[8]);
    }
    get origin() { return this.#parts[parts.length]; }
    get searchParams() {
      if (!this.#params) {
        this.#params = new URLSearchParams(this.#parts[8]);
        tie(this.#params, (text) => { this.#parts = native.urlSet(this.#parts[0], "search", text); });
      }
      return this.#params;
    }
    static canParse(url, base) { return URL.parse(url, base) !== null; }
    static parse(url, base) {
      try {
        return new URL(url, base);
      } catch {
        return null;
      }
    }
    toString() { return this.#parts[0]; }
    toJSON() { return this.#parts[0]; }
    get [Symbol.toStringTag]() { return "URL"; }
  }
  const { part, change } = URL;
  delete URL.part;
  delete URL.change;
  parts.forEach((name, index) => {
    Object.defineProperty(URL.prototype, name, {
      get() { return part(this, index); },
      set(value) { change(this, name, well(value)); },
      enumerable: true,
      configurable: true,
    });
  });

  define("URL", URL);
  define("URLSearchParams", URLSearchParams);
}
