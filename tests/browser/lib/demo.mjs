// Data as a small company would have them: mailboxes in every state, tokens of every kind, webhooks, mail that came and went.

import { account, append, folders, imap, message } from './dovecot.mjs';
import { Receiver } from './receiver.mjs';
import { SmtpSink } from './smtp_sink.mjs';
import { ask } from './ask.mjs';
import { Console } from './console.mjs';
import { eventually, freePort, uniqueName } from './wait.mjs';

const PEOPLE = ['Ada Lovelace', 'Jürgen Groß', 'Amélie Poulain', '佐藤 花子', 'Олег Иванов', 'Maria da Conceição'];
const SUBJECTS = ['Minutes of the meeting', 'Rechnung für März', 'Your order has shipped', 'Réservation confirmée', '来週の会議について', 'Question about the contract'];

/**
 * Fills a server. Returns { accounts: { connected, refused, unreachable, off }, tokens: { full, metrics, bound },
 * routes: { books, failing }, template, stop }.
 * `settled`: waits until the mailboxes are in their states and events have been delivered.
 */
export async function fill(server, { settled = true } = {}) {
  const [receiver, sink] = await Promise.all([Receiver.start(), SmtpSink.start()]);
  const names = ['support', 'sales', 'billing'].map((name) => uniqueName(`${name}-`));
  await server.settings({ webhooks: `${receiver.url}/hooks`, webhooksEnabled: true, webhookEvents: ['*'], tokenAuditLog: true });
  await Promise.all(names.map((name) => folders(name, ['Projects', 'Projects/2026', 'Invoices'])));
  await append(
    names[0],
    SUBJECTS.map((subject, at) => message({ subject, from: `=?utf-8?B?${Buffer.from(PEOPLE[at]).toString('base64')}?= <p${at}@example.org>` })),
  );
  const smtp = { host: '127.0.0.1', port: sink.port, secure: false, auth: { user: 'any', pass: 'any' } };
  for (const [at, name] of names.entries()) await server.api('POST', '/v1/account', account(name, { name: ['Support', 'Sales', 'Billing'][at], smtp, logs: at === 0 }));
  const closed = await freePort();
  const others = {
    refused: ['warehouse', { imap: { ...imap(), secure: false, auth: { user: 'warehouse', pass: 'wrong' } } }],
    unreachable: ['archive', { imap: { host: '127.0.0.1', port: closed, secure: false, auth: { user: 'archive', pass: 'pass' } } }],
    off: ['newsletter', { imap: { ...imap(), secure: false, disabled: true, auth: { user: 'newsletter', pass: 'pass' } }, smtp }],
  };
  for (const [name, more] of Object.values(others)) await server.api('POST', '/v1/account', account(name, { name: name[0].toUpperCase() + name.slice(1), ...more }));

  const console = new Console(server);
  await console.login(server.options.password);
  const route = async (fields) => (await console.form('/admin/webhooks/new', { enabled: 'on', ...fields })).location.split('/').pop();
  const routes = {
    books: await route({
      name: 'Invoices to the books',
      description: 'New messages of billing whose subject speaks of an invoice',
      targetUrl: `http://books:secret@127.0.0.1:${receiver.port}/books`,
      customHeaders: 'X-Tenant: north\nAuthorization: Bearer 5f3a',
      fn: "if (payload.event !== 'messageNew') return false;\nreturn /invoice|rechnung/i.test(payload.data.subject);",
      map: 'return {\n  id: payload.data.id,\n  from: payload.data.from.address,\n  subject: payload.data.subject,\n};',
    }),
    failing: await route({
      name: 'Orders to the chat',
      targetUrl: `${receiver.url}/chat`,
      fn: "if (payload.event !== 'messageNew') return false;\nlogger.info(`looking at ${payload.data.subject}`);\nreturn payload.data.order.number > 0;",
    }),
  };
  await console.form('/admin/webhooks/new', { name: 'Archive', description: 'Off until the move is done', targetUrl: `${receiver.url}/archive`, fn: 'return true;' });
  await server.api('POST', '/v1/gateway', { gateway: 'bulk', name: 'Newsletters', host: '127.0.0.1', port: sink.port, secure: false, user: 'any', pass: 'any' });
  await server.api('POST', '/v1/gateway', { gateway: 'old', name: 'Old relay', host: '127.0.0.1', port: closed, secure: false });
  const template = await server.api('POST', '/v1/templates/template', {
    account: null,
    name: 'Order confirmation',
    description: 'Sent by the shop after each order',
    content: { subject: 'Your order {{params.number}}', html: '<h1>Thank you, {{params.name}}</h1>\n<p>Your order {{params.number}} is on its way.</p>', text: 'Thank you, {{params.name}}' },
  });
  for (const recipient of ['ann@example.net', 'bob@example.org']) await server.api('POST', '/v1/blocklist/newsletter', { account: others.off[0], recipient });

  const issue = (...args) => server.command('tokens', 'issue', ...args);
  const tokens = {
    full: await issue('-d', 'CRM of the sales team', '-s', 'api'),
    metrics: await issue('-d', 'Prometheus', '-s', 'metrics'),
    bound: await issue('-d', 'Support desk', '-s', 'api', '-a', names[0], '--expires', '30d'),
  };
  await issue('-d', 'Agent', '-s', 'mcp');
  await issue('-d', 'Old laptop', '-s', 'smtp', '-s', 'imap-proxy', '-a', names[1]);
  await server.api('POST', '/v1/token', {
    description: 'Read only, office network',
    scopes: ['api'],
    permissions: { actions: ['read'], groups: ['account', 'message', 'mailbox'] },
    restrictions: { addresses: ['127.0.0.0/8', '192.0.2.0/24'], referrers: ['*.example.com/*'], rateLimit: { maxRequests: 100, timeWindow: 60 } },
  });

  if (settled) {
    await Promise.all(names.map((name) => server.waitState(name, 'connected')));
    await server.waitState('warehouse', 'authenticationError');
    await server.waitState('archive', 'connectError');
    await append(names[0], message({ subject: 'New order 4711', from: 'Ada Lovelace <ada@example.org>' }));
    await receiver.event('messageNew', (hook) => hook.account === names[0]);
    await server.api('POST', `/v1/account/${names[0]}/submit`, { to: [{ address: 'customer@example.com' }], subject: 'Your order', text: 'It is on its way.', gateway: 'bulk' });
    await eventually('mail is delivered', () => sink.mails.length > 0);
    for (const token of [tokens.full, tokens.bound])
      for (const path of ['/v1/accounts', `/v1/account/${names[0]}`, '/v1/stats'])
        await ask(server.url + path, { headers: { authorization: `Bearer ${token}` } });
    await ask(`${server.url}/metrics`, { headers: { authorization: `Bearer ${tokens.metrics}` } });
  }
  return {
    accounts: { connected: names[0], second: names[1], refused: 'warehouse', unreachable: 'archive', off: 'newsletter' },
    tokens,
    routes,
    template: template.id,
    receiver,
    sink,
    stop() {
      receiver.stop();
      sink.stop();
    },
  };
}
