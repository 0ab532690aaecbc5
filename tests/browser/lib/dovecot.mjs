// The Dovecot of the tests: every user name exists and has the password "pass".

import { connect } from 'node:net';
import { once } from 'node:events';
import { variable } from './tools.mjs';

export const PASSWORD = 'pass';

/** Where it listens: { host, port }. */
export function imap() {
  const [host, port] = variable('POSTHOUSE_TEST_IMAP').split(':');
  return { host, port: Number(port) };
}

/** The body of POST /v1/account for a user of Dovecot; `more` is laid over it. */
export function account(user, more = {}) {
  return {
    account: user,
    name: `Mailbox ${user}`,
    email: `${user}@example.com`,
    imap: { ...imap(), secure: false, auth: { user, pass: PASSWORD } },
    ...more,
  };
}

/** A plain message as RFC 5322 text. */
export function message({ subject = 'Hello', from = 'Sender <sender@example.org>', to = 'rcpt@example.com', text = 'Hello.', headers = '' } = {}) {
  const encoded = `=?utf-8?B?${Buffer.from(subject).toString('base64')}?=`;
  return (
    `From: ${from}\r\nTo: <${to}>\r\nSubject: ${encoded}\r\nDate: Tue, 01 Sep 2026 10:00:00 +0000\r\n` +
    `Message-ID: <${Math.random().toString(36).slice(2)}@example.org>\r\nMIME-Version: 1.0\r\n` +
    `Content-Type: text/plain; charset=utf-8\r\n${headers}\r\n${text}\r\n`
  );
}

/** Runs commands as a user: strings, or [command, literal]. */
async function session(user, commands) {
  const { host, port } = imap();
  const socket = connect(port, host);
  socket.setTimeout(10_000, () => socket.destroy(new Error('Dovecot is silent')));
  let seen = '';
  let wake = () => {};
  let fault;
  socket.on('data', (data) => {
    seen += data;
    wake();
  });
  socket.on('error', (error) => {
    fault = error;
    wake();
  });
  const until = async (pattern) => {
    for (;;) {
      if (fault) throw fault;
      const match = pattern.exec(seen);
      if (match) {
        seen = seen.slice(match.index + match[0].length);
        return match[0];
      }
      await new Promise((done) => (wake = done));
    }
  };
  await once(socket, 'connect');
  await until(/^\* OK.*\r\n/m);
  let number = 0;
  for (const command of [`LOGIN "${user}" ${PASSWORD}`, ...commands, 'LOGOUT']) {
    const tag = `t${++number}`;
    const [text, literal] = Array.isArray(command) ? command : [command];
    socket.write(`${tag} ${text}\r\n`);
    if (literal !== undefined) {
      await until(/^\+.*\r\n/m);
      socket.write(literal);
      socket.write('\r\n');
    }
    const answer = await until(new RegExp(`^${tag} .*\\r\\n`, 'm'));
    if (!/^\S+ OK/.test(answer)) throw new Error(`${text}: ${answer}`);
  }
  socket.destroy();
}

/** Puts messages into a folder. */
export function append(user, messages, folder = 'INBOX') {
  const list = [messages].flat();
  return session(
    user,
    list.map((text) => [`APPEND ${quoted(folder)} {${Buffer.byteLength(text)}}`, text]),
  );
}

/** Makes folders; names in ASCII, as IMAP writes them. */
export function folders(user, names) {
  return session(
    user,
    names.map((name) => `CREATE ${quoted(name)}`),
  );
}

const quoted = (name) => `"${name.replace(/[\\"]/g, '\\$&')}"`;
