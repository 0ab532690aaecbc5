// Time-based one-time passwords (RFC 6238): SHA-1, 6 digits, 30 s.

import { createHmac } from 'node:crypto';

/** The code of a base32 secret; `steps` from now. */
export function code(secret, steps = 0) {
  const bits = [...secret.toUpperCase().replace(/[^A-Z2-7]/g, '')].map((letter) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter).toString(2).padStart(5, '0')).join('');
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + steps));
  const hash = createHmac('sha1', key).update(counter).digest();
  const offset = hash[19] & 15;
  return String((hash.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}
