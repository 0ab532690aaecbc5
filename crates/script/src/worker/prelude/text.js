// Text and bytes. A native function cannot look into a typed array, so bytes cross as a string of one
// character a byte.
(native, define) => {
  "use strict";
  const chunk = 8192;

  const view = (input) => {
    if (ArrayBuffer.isView(input)) return new Uint8Array(input.buffer, input.byteOffset, input.byteLength);
    if (input instanceof ArrayBuffer) return new Uint8Array(input);
    throw new TypeError("expected an ArrayBuffer or a view of one");
  };

  const binary = (input) => {
    const bytes = view(input);
    let text = "";
    for (let at = 0; at < bytes.length; at += chunk) {
      text += String.fromCharCode.apply(null, bytes.subarray(at, at + chunk));
    }
    return text;
  };

  define("TextEncoder", class TextEncoder {
    get encoding() { return "utf-8"; }
    encode(input = "") { return native.encode(`${input}`.toWellFormed()); }
  });

  define("TextDecoder", class TextDecoder {
    #fatal;
    #keepMark;
    constructor(label = "utf-8", options = {}) {
      if (!/^(utf-?8|unicode-1-1-utf-8)$/i.test(`${label}`.trim())) {
        throw new RangeError(`only utf-8 can be decoded here, not ${label}`);
      }
      this.#fatal = Boolean(options?.fatal);
      this.#keepMark = Boolean(options?.ignoreBOM);
    }
    get encoding() { return "utf-8"; }
    get fatal() { return this.#fatal; }
    get ignoreBOM() { return this.#keepMark; }
    decode(input) {
      return input === undefined ? "" : native.decode(binary(input), this.#fatal, this.#keepMark);
    }
  });

  const copy = (value, seen) => {
    if (typeof value === "function" || typeof value === "symbol") {
      throw new DOMException(`a ${typeof value} cannot be cloned`, "DataCloneError");
    }
    if (typeof value !== "object" || value === null) return value;
    if (seen.has(value)) return seen.get(value);
    const keep = (made) => { seen.set(value, made); return made; };
    if (Array.isArray(value)) {
      const made = keep(new Array(value.length));
      for (const key of Object.keys(value)) made[key] = copy(value[key], seen);
      return made;
    }
    if (value instanceof Date) return keep(new Date(value.getTime()));
    if (value instanceof RegExp) return keep(new RegExp(value.source, value.flags));
    if (value instanceof Map) {
      const made = keep(new Map());
      for (const [key, item] of [...value]) made.set(copy(key, seen), copy(item, seen));
      return made;
    }
    if (value instanceof Set) {
      const made = keep(new Set());
      for (const item of [...value]) made.add(copy(item, seen));
      return made;
    }
    if (value instanceof ArrayBuffer) return keep(value.slice(0));
    if (value instanceof DataView) return keep(new DataView(value.buffer.slice(0), value.byteOffset, value.byteLength));
    if (ArrayBuffer.isView(value)) return keep(value.slice());
    if (value instanceof Error) {
      const made = keep(new Error(value.message));
      Object.defineProperty(made, "name", { value: `${value.name}`, writable: true, configurable: true });
      return made;
    }
    if (value instanceof Promise || value instanceof WeakMap || value instanceof WeakSet) {
      throw new DOMException("this object cannot be cloned", "DataCloneError");
    }
    const made = keep({});
    for (const key of Object.keys(value)) {
      Object.defineProperty(made, key, { value: copy(value[key], seen), writable: true, enumerable: true, configurable: true });
    }
    return made;
  };
  define("structuredClone", function structuredClone(value) { return copy(value, new Map()); });

  return binary;
}
