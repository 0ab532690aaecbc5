// Handlebars.js with the helpers of message templates: what crates/template is held against.

import { createRequire } from 'node:module';
import { ROOT } from './tools.mjs';

const require = createRequire(`${ROOT}.tests/node/package.json`);
const Handlebars = require('handlebars');
const moment = require('moment');
// Texts that only Date reads are dates here and none there: each engine has its own.
moment.createFromInputFallback = (config) => {
  config._d = new Date(NaN);
};

const engine = Handlebars.create();
engine.log = () => {};

/** A helper with a block: which part is rendered is asked of `choose`, which is given at least `least` values. */
const block = (name, least, choose) =>
  engine.registerHelper(name, function (...values) {
    const options = values.pop();
    if (values.length < least) throw new Error(`${name} takes ${least} values`);
    return choose(...values) ? options.fn(this) : options.inverse(this);
  });

// eslint-disable-next-line eqeqeq -- that is the rule
block('equals', 2, (one, two) => one == two);
block('notEquals', 2, (one, two) => one != two);
block('greaterThan', 2, (one, two) => Number(one) > Number(two));
block('lessThan', 2, (one, two) => Number(one) < Number(two));
block('and', 0, (...values) => values.every(Boolean));
block('or', 0, (...values) => values.some(Boolean));

engine.registerHelper('insert', (...values) => {
  const [value, fallback] = values.slice(0, -1);
  if (value !== undefined && value !== null && value !== '') return value;
  return String(fallback ?? '').startsWith('default=') ? String(fallback).slice('default='.length) : undefined;
});

engine.registerHelper('length', (...values) => {
  const [value] = values.slice(0, -1);
  return Array.isArray(value) || typeof value === 'string' ? value.length : 0;
});

engine.registerHelper('formatDate', (...values) => {
  const [value, format, offset] = values.slice(0, -1);
  // Other types are dates to moment.js too, but by accident: a value that is missing would be now.
  if (!['number', 'string'].includes(typeof value)) return 'Invalid date';
  const date = moment.utc(value);
  if (['number', 'string'].includes(typeof offset)) date.utcOffset(offset);
  return date.format(typeof format === 'string' ? format : '');
});

/** What the template of a case gives, with its own values or those of the table. */
export function evaluate({ template, part, params }, shared) {
  const render = engine.compile(template, { noEscape: part === 'text' });
  return render({
    params: params ?? shared,
    account: { name: 'Ann Example', email: 'ann@example.com' },
    service: { url: 'https://mail.example.com' },
    rcpt: { name: "O'Hara", address: 'ohara@example.com', unsubscribeUrl: 'https://mail.example.com/unsubscribe?data=a&sig=b' },
  });
}
