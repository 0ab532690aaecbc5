// A name server on 127.0.0.1 (UDP) that knows one thing: every name in the domains given is 127.0.0.1. Other questions about them have no
// answer, other names do not exist (RFC 1035).

import { createSocket } from 'node:dgram';

export class Names {
  /** Names that were asked for. */
  asked = [];

  static async start(...domains) {
    const names = new Names();
    names.domains = domains;
    names.socket = createSocket('udp4');
    names.socket.on('message', (question, from) => names.socket.send(names.#answer(question), from.port, from.address));
    await new Promise((done) => names.socket.bind(0, '127.0.0.1', done));
    names.port = names.socket.address().port;
    names.address = `127.0.0.1:${names.port}`;
    return names;
  }

  #answer(question) {
    const labels = [];
    let at = 12;
    while (question[at]) {
      labels.push(question.toString('latin1', at + 1, at + 1 + question[at]));
      at += question[at] + 1;
    }
    const end = at + 5;
    const name = labels.join('.').toLowerCase();
    const type = question.readUInt16BE(at + 1);
    this.asked.push(name);
    const known = this.domains.some((domain) => name === domain || name.endsWith(`.${domain}`));
    const found = known && type === 1;
    const head = Buffer.from(question.subarray(0, 12));
    head.writeUInt16BE(0x8580 | (known ? 0 : 3), 2);
    head.writeUInt16BE(1, 4);
    head.writeUInt16BE(found ? 1 : 0, 6);
    head.writeUInt32BE(0, 8);
    const parts = [head, question.subarray(12, end)];
    if (found) parts.push(Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1]));
    return Buffer.concat(parts);
  }

  stop() {
    this.socket.close();
  }
}

/** The settings of a mail provider as files for mail programs (config-v1.1.xml). */
export function clientConfig({ domain, imap, smtp }) {
  const server = (kind, type, { host, port }) =>
    `<${kind}Server type="${type}"><hostname>${host}</hostname><port>${port}</port><socketType>plain</socketType><username>%EMAILLOCALPART%</username><authentication>password-cleartext</authentication></${kind}Server>`;
  return `<?xml version="1.0"?><clientConfig version="1.1"><emailProvider id="${domain}"><domain>${domain}</domain>${server('incoming', 'imap', imap)}${server('outgoing', 'smtp', smtp)}</emailProvider></clientConfig>`;
}
