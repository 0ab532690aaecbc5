// A mail provider on this machine: its domain, its web server with the settings for mail programs, its IMAP and SMTP servers.

import { imap } from './dovecot.mjs';
import { clientConfig, Names } from './names.mjs';
import { Receiver } from './receiver.mjs';
import { SmtpSink } from './smtp_sink.mjs';

export class Provider {
  static async start(domain = 'firma.example') {
    const provider = new Provider();
    [provider.names, provider.web, provider.smtp] = await Promise.all([Names.start(domain), Receiver.start(), SmtpSink.start()]);
    provider.domain = domain;
    const body = clientConfig({ domain, imap: imap(), smtp: { host: '127.0.0.1', port: provider.smtp.port } });
    provider.web.routes.set('/.well-known/autoconfig/mail/config-v1.1.xml', () => ({ headers: { 'content-type': 'text/xml' }, body }));
    return provider;
  }

  /** What a server needs in its environment to find it, and to find nobody else. */
  get env() {
    return {
      POSTHOUSE_DISCOVER_DNS: this.names.address,
      POSTHOUSE_DISCOVER_HTTP_PORT: String(this.web.port),
      POSTHOUSE_DISCOVER_HTTPS_PORT: '9',
      POSTHOUSE_DISCOVER_ISPDB: 'off',
      POSTHOUSE_DISCOVER_EGRESS_POLICY: 'off',
    };
  }

  stop() {
    this.names.stop();
    this.web.stop();
    this.smtp.stop();
  }
}
