// An SMTP server on 127.0.0.1 that takes every message and every password, and delivers nothing.

import { createServer } from 'node:net';

export class SmtpSink {
  /** What came: { from, to: [], text }. */
  mails = [];

  static async start() {
    const sink = new SmtpSink();
    sink.server = createServer((socket) => sink.#converse(socket));
    await new Promise((done) => sink.server.listen(0, '127.0.0.1', done));
    sink.port = sink.server.address().port;
    return sink;
  }

  #converse(socket) {
    let mail = { to: [] };
    let data = null;
    let expects = null;
    let rest = '';
    const say = (line) => socket.write(`${line}\r\n`);
    socket.on('error', () => {});
    say('220 sink.example ESMTP');
    socket.on('data', (chunk) => {
      rest += chunk.toString('latin1');
      for (let end; (end = rest.indexOf('\r\n')) >= 0; ) {
        const line = rest.slice(0, end);
        rest = rest.slice(end + 2);
        if (data) {
          if (line !== '.') {
            data.push(line.replace(/^\./, ''));
            continue;
          }
          this.mails.push({ ...mail, text: data.join('\r\n') });
          mail = { to: [] };
          data = null;
          say('250 2.0.0 queued');
          continue;
        }
        if (expects) {
          say(expects.shift());
          if (!expects.length) expects = null;
          continue;
        }
        const [verb, argument] = line.toUpperCase().split(' ');
        if (verb === 'EHLO') say('250-sink.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 AUTH PLAIN LOGIN');
        else if (verb === 'AUTH' && argument === 'LOGIN') {
          say('334 VXNlcm5hbWU6');
          expects = ['334 UGFzc3dvcmQ6', '235 2.7.0 welcome'];
        } else if (verb === 'AUTH' && line.split(' ').length < 3) {
          say('334 ');
          expects = ['235 2.7.0 welcome'];
        } else if (verb === 'AUTH') say('235 2.7.0 welcome');
        else if (verb === 'MAIL') {
          mail.from = /<(.*?)>/.exec(line)?.[1];
          say('250 2.1.0 ok');
        } else if (verb === 'RCPT') {
          mail.to.push(/<(.*?)>/.exec(line)?.[1]);
          say('250 2.1.5 ok');
        } else if (verb === 'DATA') {
          data = [];
          say('354 go ahead');
        } else if (verb === 'QUIT') {
          socket.end('221 2.0.0 bye\r\n');
        } else say('250 2.0.0 ok');
      }
    });
  }

  stop() {
    this.server.close();
  }
}
