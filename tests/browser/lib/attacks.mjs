// The attacks on HTML of crates/mime/tests/attacks (see the README there).

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './tools.mjs';

const FOLDER = join(ROOT, 'crates/mime/tests/attacks');

const SIGNS = { t: '\t', n: '\n', r: '\r', 0: '\0', '\\': '\\' };
const unescaped = (text) => text.replace(/\\(?:u\{([0-9a-f]+)\}|(.))/gs, (_, code, sign) => (code ? String.fromCodePoint(parseInt(code, 16)) : SIGNS[sign]));

/** [{ name, html }] */
export function attacks() {
  const files = readdirSync(FOLDER).filter((name) => name.endsWith('.txt'));
  const all = files.sort().map((name) => readFileSync(join(FOLDER, name), 'utf8')).join('');
  return all
    .split('## ')
    .slice(1)
    .map((vector) => {
      const end = vector.indexOf('\n');
      const name = vector.slice(0, end);
      const html = vector.slice(end + 1).replace(/\n$/, '');
      const times = /\(times (\d+)\)$/.exec(name)?.[1];
      return { name, html: times ? html.repeat(times) : name.endsWith('(escaped)') ? unescaped(html) : html };
    });
}
