// The test tools from npm (installed by tests/tools/install.sh outside of this folder) and where things are.

import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The project's folder. */
export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

const require = createRequire(`${ROOT}.tests/node/package.json`);

export const { chromium } = require('playwright-core');
export const { Webhook } = require('standardwebhooks');

/** Source of axe-core, to be run in a page. */
export const axeSource = () => readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

/** The server under test. */
export const BINARY = process.env.POSTHOUSE_TEST_BINARY ?? `${ROOT}target/debug/posthouse`;

/** A variable that tests/run.sh sets. */
export function variable(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run \`make test ARGS=browser\``);
  return value;
}
