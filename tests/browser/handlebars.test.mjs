// The table that crates/template is held against, held against Handlebars.js and moment.js: both give what it says.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { evaluate } from './lib/handlebars.mjs';
import { ROOT } from './lib/tools.mjs';

const { params, cases } = JSON.parse(readFileSync(`${ROOT}crates/template/tests/cases.json`, 'utf8'));
const groups = new Set(cases.map(({ group }) => group));

for (const group of groups)
  test(`handlebars: ${group}`, () => {
    for (const one of cases.filter((one) => one.group === group)) {
      // A case says one of the two.
      assert.notEqual(typeof one.expect === 'string', one.fails === true, one.template);
      if (one.fails) assert.throws(() => evaluate(one, params), one.template);
      else assert.equal(evaluate(one, params), one.expect, one.template);
    }
  });

test('handlebars: the table is whole', () => {
  assert.ok(groups.size >= 10 && cases.length >= 500, `${cases.length} cases in ${groups.size} groups`);
});
