// The last step of making a realm. Takes away what makes code from text or what one run could leave to
// another; with `locked` it also freezes every object that the language itself brings, so that runs can follow
// one another in the same realm. Gives back what cleans the realm between two runs.
(locked, forget) => {
  "use strict";
  const { ownKeys, deleteProperty, getPrototypeOf, isExtensible, getOwnPropertyDescriptor, defineProperty } = Reflect;

  for (const name of ["eval", "WeakRef", "FinalizationRegistry", "SharedArrayBuffer", "Atomics"]) delete globalThis[name];
  // Setting them would change every later run.
  delete Error.prepareStackTrace;
  delete Error.stackTraceLimit;

  const samples = [function () {}, async function () {}, function* () {}, async function* () {}];
  const functions = Function.prototype;
  const refuse = function Function() {
    throw new TypeError("functions cannot be made from text here");
  };
  refuse.prototype = functions;
  for (const sample of samples) {
    defineProperty(getPrototypeOf(sample), "constructor", { value: refuse, writable: true, enumerable: false, configurable: true });
  }
  defineProperty(globalThis, "Function", { value: refuse, writable: true, enumerable: false, configurable: true });

  if (!locked) return () => true;

  // Objects of the language that no global names.
  const hidden = [
    ...samples, ...samples.map((sample) => sample.prototype),
    [][Symbol.iterator](), new Map().entries(), new Set().values(), ""[Symbol.iterator](), "".matchAll(/x/g),
    (function* () {})(), (async function* () {})(), (function () { return arguments; })(),
    Object.getOwnPropertyDescriptor((function () { "use strict"; return arguments; })(), "callee")?.get,
  ];
  if (typeof Iterator === "function") {
    hidden.push(Iterator.from({ next() {} }), [].values().map((x) => x));
  }

  // A frozen property cannot be assigned on what inherits it either. Where scripts do that (error.name = ...,
  // counts[word] = ... with a word like "constructor"), it becomes an accessor whose setter makes the assigned
  // object's own property.
  const errors = [Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError, AggregateError];
  const loosen = (holder, name) => {
    const old = getOwnPropertyDescriptor(holder, name);
    if (!old || !("value" in old) || !old.configurable) return;
    const { value } = old;
    defineProperty(holder, name, {
      get() { return value; },
      set(next) {
        if (this === holder || this === undefined || this === null) throw new TypeError(`${String(name)} cannot be changed`);
        defineProperty(this, name, { value: next, writable: true, enumerable: true, configurable: true });
      },
      enumerable: old.enumerable,
      configurable: false,
    });
  };
  for (const name of ownKeys(Object.prototype)) loosen(Object.prototype, name);
  for (const error of errors) for (const name of ownKeys(error.prototype)) loosen(error.prototype, name);
  loosen(functions, "toString");

  const seen = new Set([globalThis]);
  const queue = [];
  const visit = (value) => {
    if ((typeof value === "object" && value !== null) || typeof value === "function") {
      if (!seen.has(value)) {
        seen.add(value);
        queue.push(value);
      }
    }
  };
  const look = (object) => {
    visit(getPrototypeOf(object));
    const keys = ownKeys(object);
    // Most objects are functions with nothing but a length and a name.
    if (keys.length <= 2 && typeof object === "function") return;
    for (const key of keys) {
      const property = getOwnPropertyDescriptor(object, key);
      visit(property.value);
      visit(property.get);
      visit(property.set);
    }
  };
  look(globalThis);
  hidden.forEach(visit);
  while (queue.length > 0) {
    const object = queue.pop();
    look(object);
    if (!ArrayBuffer.isView(object)) Object.freeze(object);
  }
  for (const key of ownKeys(globalThis)) {
    const property = getOwnPropertyDescriptor(globalThis, key);
    if (!property.configurable) continue;
    if ("value" in property) defineProperty(globalThis, key, { writable: false, configurable: false });
    else defineProperty(globalThis, key, { configurable: false });
  }

  const known = new Set(ownKeys(globalThis));
  const parent = getPrototypeOf(globalThis);
  return () => {
    forget();
    if (!deleteProperty(globalThis, "env") || !isExtensible(globalThis) || getPrototypeOf(globalThis) !== parent) return false;
    const keys = ownKeys(globalThis);
    if (keys.length === known.size) return true;
    for (const key of keys) {
      if (!known.has(key) && !deleteProperty(globalThis, key)) return false;
    }
    return true;
  };
}
