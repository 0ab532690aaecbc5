// A DNS server on 127.0.0.1 (UDP) that knows the text records it is given; everything else does not exist.

import { createSocket } from 'node:dgram';
import { once } from 'node:events';

export class Dns {
  /** `records`: text by name. */
  static async start(records) {
    const dns = new Dns();
    dns.records = records;
    dns.socket = createSocket('udp4');
    dns.socket.on('message', (question, from) => dns.socket.send(dns.#answer(question), from.port, from.address));
    dns.socket.bind(0, '127.0.0.1');
    await once(dns.socket, 'listening');
    dns.address = `127.0.0.1:${dns.socket.address().port}`;
    return dns;
  }

  #answer(question) {
    let at = 12;
    const labels = [];
    for (let length; (length = question[at]) > 0; at += length + 1) labels.push(question.toString('latin1', at + 1, at + 1 + length));
    const asked = question.subarray(12, at + 5);
    const TXT = 16;
    const text = this.records[labels.join('.').toLowerCase()];
    const found = text !== undefined && question.readUInt16BE(at + 1) === TXT;
    const head = Buffer.alloc(12);
    question.copy(head, 0, 0, 2);
    // An answer with authority; 3 is "no such name".
    head.writeUInt16BE(text === undefined ? 0x8583 : 0x8580, 2);
    head.writeUInt16BE(1, 4);
    head.writeUInt16BE(found ? 1 : 0, 6);
    if (!found) return Buffer.concat([head, asked]);
    const data = Buffer.concat([Buffer.from([text.length]), Buffer.from(text, 'latin1')]);
    // The name is that of the question; the record is not to be kept.
    const record = Buffer.from([0xc0, 12, 0, TXT, 0, 1, 0, 0, 0, 0, 0, data.length]);
    return Buffer.concat([head, asked, record, data]);
  }

  stop() {
    this.socket.close();
  }
}
