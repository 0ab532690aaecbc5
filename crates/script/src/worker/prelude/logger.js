// logger and console. A line is cut here already, so that a huge one is not copied out of the sandbox.
(native, define) => {
  "use strict";
  const show = (value) => {
    if (typeof value === "string") return value;
    if (value instanceof Error) return `${value}\n${value.stack ?? ""}`.trimEnd();
    try {
      const text = JSON.stringify(value);
      if (text !== undefined) return text;
    } catch {
      // A cycle, a BigInt or a toJSON that throws: said in another way below.
    }
    try {
      return String(value);
    } catch {
      return Object.prototype.toString.call(value);
    }
  };
  const write = (level, text) => {
    native.log(level, text.slice(0, native.logLimit).toWellFormed(), text.length > native.logLimit);
  };

  const logger = {};
  ["trace", "debug", "info", "warn", "error", "fatal"].forEach((name, level) => {
    logger[name] = (value) => { write(level, show(value)); };
  });
  define("logger", logger);

  const console = {};
  for (const [name, level] of [["trace", 0], ["debug", 1], ["log", 2], ["info", 2], ["warn", 3], ["error", 4]]) {
    console[name] = (...values) => { write(level, values.map(show).join(" ")); };
  }
  define("console", console);

  // Name, message and stack of whatever was thrown, bounded, never throwing itself.
  const cut = (text, length) => `${text}`.slice(0, length).toWellFormed();
  return (thrown) => {
    try {
      if (thrown instanceof Error) {
        return [cut(thrown.name, 100), cut(thrown.message, 4000), cut(thrown.stack ?? "", 8000)];
      }
      return ["Error", cut(show(thrown), 4000), ""];
    } catch {
      return ["Error", "what was thrown cannot be shown", ""];
    }
  };
}
