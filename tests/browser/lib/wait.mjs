// Waiting for what comes in its own time.

import { createServer } from 'node:net';

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/** The first value of `probe` that is neither false, null nor undefined; fails after `ms`. */
export async function eventually(what, probe, ms = 10_000) {
  const end = Date.now() + ms;
  let last;
  while (Date.now() < end) {
    try {
      const value = await probe();
      if (value !== false && value !== null && value !== undefined) return value;
    } catch (error) {
      last = error;
    }
    await sleep(50);
  }
  throw new Error(`${what}: not within ${ms} ms`, { cause: last });
}

/** A port of 127.0.0.1 that nobody listens on. */
export function freePort() {
  return new Promise((done, fail) => {
    const probe = createServer();
    probe.on('error', fail);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => done(port));
    });
  });
}

let next = 0;

/** A name that no other test uses; as a user name its mailbox at Dovecot is empty. */
export const uniqueName = (prefix = 'u') => `${prefix}${Date.now().toString(36)}${process.pid.toString(36)}${next++}`;
