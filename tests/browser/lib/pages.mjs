// Every page there is, and how to get there with data as people have it.

import { createHash, createHmac } from 'node:crypto';

/** Groups of settings: the last parts of their pages' paths. */
export const SETTINGS = ['service', 'security', 'webhooks', 'email-processing', 'network', 'smtp', 'imap-proxy', 'ai', 'mcp', 'branding', 'logging', 'deprecated'];

/** Tags of the API reference whose pages are looked at; all the others are drawn by the same template. */
export const TAGS = ['account', 'message', 'submit', 'settings', 'access-tokens', 'stats'];

/** The id of a token. */
export const tokenId = (value) => createHash('sha256').update(Buffer.from(value, 'hex')).digest('hex');

const id = encodeURIComponent;

/**
 * The table. `path`: text, or a function of the demo data (lib/demo.mjs) and the server. `signedIn`: whether it needs a session.
 * `alike`: drawn by the template of another page of the table, so that half the looks are enough.
 */
export const PAGES = [
  { name: 'landing', path: '/' },
  { name: 'nowhere', path: '/admin-nowhere', status: 404 },
  { name: 'login', path: '/admin/login' },
  { name: 'dashboard', path: '/admin', signedIn: true },
  { name: 'accounts', path: '/admin/accounts', signedIn: true },
  { name: 'accounts-errors', path: '/admin/accounts?state=errors', signedIn: true, alike: true },
  { name: 'accounts-none', path: '/admin/accounts?query=nobody-has-this-name', signedIn: true, alike: true },
  { name: 'account-new', path: '/admin/add-account', signedIn: true },
  { name: 'account', path: (demo) => `/admin/accounts/${id(demo.accounts.connected)}`, signedIn: true },
  { name: 'account-refused', path: (demo) => `/admin/accounts/${id(demo.accounts.refused)}`, signedIn: true },
  { name: 'account-unreachable', path: (demo) => `/admin/accounts/${id(demo.accounts.unreachable)}`, signedIn: true, alike: true },
  { name: 'account-off', path: (demo) => `/admin/accounts/${id(demo.accounts.off)}`, signedIn: true, alike: true },
  { name: 'account-folders', path: (demo) => `/admin/accounts/${id(demo.accounts.connected)}/folders`, signedIn: true },
  { name: 'account-log', path: (demo) => `/admin/accounts/${id(demo.accounts.connected)}/log`, signedIn: true },
  { name: 'account-delivery', path: (demo) => `/admin/accounts/${id(demo.accounts.connected)}/delivery-test`, signedIn: true },
  { name: 'account-flush', path: (demo) => `/admin/accounts/${id(demo.accounts.connected)}/flush`, signedIn: true },
  { name: 'account-edit', path: (demo) => `/admin/accounts/${id(demo.accounts.connected)}/edit`, signedIn: true },
  { name: 'account-delete', path: (demo) => `/admin/accounts/${id(demo.accounts.connected)}/delete`, signedIn: true },
  { name: 'gateways', path: '/admin/gateways', signedIn: true },
  { name: 'gateway-new', path: '/admin/add-gateway', signedIn: true },
  { name: 'gateway', path: '/admin/gateways/bulk', signedIn: true },
  { name: 'gateway-delete', path: '/admin/gateways/bulk/delete', signedIn: true },
  { name: 'templates', path: '/admin/templates', signedIn: true },
  { name: 'template', path: (demo) => `/admin/templates/${demo.template}`, signedIn: true },
  { name: 'template-new', path: '/admin/templates/new', signedIn: true, alike: true },
  { name: 'template-delete', path: (demo) => `/admin/templates/${demo.template}/delete`, signedIn: true, alike: true },
  { name: 'suppressions', path: '/admin/suppression-lists', signedIn: true },
  { name: 'suppression-add', path: '/admin/add-suppression?list=newsletter', signedIn: true },
  { name: 'suppression-list', path: '/admin/suppression-lists/newsletter?recipient=ann@example.net', signedIn: true },
  { name: 'suppression-delete', path: '/admin/suppression-lists/newsletter/delete', signedIn: true, alike: true },
  { name: 'tokens', path: '/admin/tokens', signedIn: true },
  { name: 'tokens-none', path: '/admin/tokens?query=nobody-has-this-name', signedIn: true, alike: true },
  { name: 'token-new', path: '/admin/tokens/new', signedIn: true },
  { name: 'token', path: (demo) => `/admin/tokens/${tokenId(demo.tokens.bound)}`, signedIn: true },
  { name: 'token-delete', path: (demo) => `/admin/tokens/${tokenId(demo.tokens.bound)}/delete`, signedIn: true },
  { name: 'webhooks', path: '/admin/webhooks', signedIn: true },
  { name: 'webhook-new', path: '/admin/webhooks/new', signedIn: true },
  { name: 'webhook', path: (demo) => `/admin/webhooks/${demo.routes.books}`, signedIn: true },
  { name: 'webhook-failing', path: (demo) => `/admin/webhooks/${demo.routes.failing}`, signedIn: true, alike: true },
  { name: 'webhook-delete', path: (demo) => `/admin/webhooks/${demo.routes.books}/delete`, signedIn: true },
  { name: 'settings', path: '/admin/config', signedIn: true },
  ...SETTINGS.map((slug, at) => ({ name: `settings-${slug}`, path: `/admin/config/${slug}`, signedIn: true, alike: at > 2 })),
  { name: 'reference', path: '/admin/reference', signedIn: true },
  ...TAGS.map((tag, at) => ({ name: `reference-${tag}`, path: `/admin/reference/${tag}`, signedIn: true, alike: at > 0 })),
  { name: 'reference-operation', path: '/admin/reference/submit/postV1AccountAccountSubmit', signedIn: true },
  { name: 'account-security', path: '/admin/account/security', signedIn: true },
  { name: 'account-password', path: '/admin/account/password', signedIn: true },
  { name: 'hosted', path: (_, server) => hosted(server) },
  { name: 'hosted-refused', path: '/accounts/new?data=e30&sig=AAAA', status: 403 },
  { name: 'unsubscribe', path: (demo, server) => unsubscribe(server, demo.accounts.off, 'reader@example.net') },
  { name: 'unsubscribe-left', path: (demo, server) => unsubscribe(server, demo.accounts.off, 'gone@example.net', true) },
  { name: 'unsubscribe-refused', path: '/unsubscribe?data=e30&sig=AAAA', status: 403, alike: true },
];

/** A link of the hosted form; what is given as an empty text is left out. */
export async function hosted(server, more = {}) {
  const wanted = { name: 'New Mailbox', email: 'new@example.com', redirectUrl: `${server.url}/`, ...more };
  const { url } = await server.api('POST', '/v1/authentication/form', Object.fromEntries(Object.entries(wanted).filter(([, value]) => value)));
  const link = new URL(url);
  return link.pathname + link.search;
}

/** A link by which a recipient leaves the list `spring-offers` of an account, who has left it if `left`. */
export async function unsubscribe(server, account, recipient, left = false) {
  const serviceSecret = 'the secret of a test';
  await server.settings({ serviceSecret });
  if (left) await server.api('POST', '/v1/blocklist/spring-offers', { account, recipient });
  const json = JSON.stringify({ act: 'unsub', acc: account, list: 'spring-offers', rcpt: recipient });
  const sig = createHmac('sha256', serviceSecret).update(json).digest('base64url');
  return `/unsubscribe?data=${Buffer.from(json).toString('base64url')}&sig=${sig}`;
}

/** The path of an entry of the table. */
export const pathOf = async (entry, demo, server) => (typeof entry.path === 'function' ? entry.path(demo, server) : entry.path);
