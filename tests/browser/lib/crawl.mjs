// Every page that links lead to, as the server writes it: its forms, its links, and what no page may hold.

/** What stands in a text of HTML; runs in a page that has a DOMParser. */
function facts(text) {
  const page = new DOMParser().parseFromString(text, 'text/html');
  const all = [...page.querySelectorAll('*')];
  const fields = (form) => {
    const found = {};
    for (const field of form.elements) {
      if (!field.name || field.disabled || (['checkbox', 'radio'].includes(field.type) && !field.checked)) continue;
      if (!(field.name in found)) found[field.name] = field.value;
    }
    return found;
  };
  const describe = (element) => element.outerHTML.slice(0, 120);
  return {
    title: page.title,
    links: [...page.querySelectorAll('a[href]')].map((link) => link.getAttribute('href')),
    forms: [...page.querySelectorAll('form')].map((form) => ({ id: form.id, action: form.getAttribute('action') ?? '', method: form.getAttribute('method') ?? 'get', fields: fields(form) })),
    files: [...page.querySelectorAll('script[src], link[rel=stylesheet][href]')].map((file) => file.getAttribute('src') ?? file.getAttribute('href')),
    // What a strict policy forbids, were it not for the policy.
    inline: [
      // A frame that has a name and no address is filled by a form of the page.
      ...all.filter((element) => element.matches('script:not([src]), style, [style], base, object, embed, iframe[src], iframe[srcdoc], iframe:not([name]), frame')).map(describe),
      ...all.filter((element) => element.getAttributeNames().some((name) => name.startsWith('on'))).map(describe),
      ...all.filter((element) => ['href', 'src', 'action', 'formaction', 'xlink:href'].some((name) => /^\s*(javascript|vbscript|data:text)/i.test(element.getAttribute(name) ?? ''))).map(describe),
    ],
    elsewhere: all
      .filter((element) => ['script', 'link', 'img', 'source', 'video', 'audio', 'use', 'form'].includes(element.localName))
      .flatMap((element) => ['src', 'href', 'action', 'srcset'].map((name) => element.getAttribute(name)))
      .filter((address) => /^([a-z]+:)?\/\//i.test(address ?? '')),
  };
}

/** The facts of one page of HTML. */
export async function read(page, text) {
  return page.evaluate(facts, text);
}

/** A path with what differs from one thing to the next left out. */
const shape = (path) => {
  const url = new URL(path, 'http://here');
  const parts = url.pathname.split('/').map((part, at) => (at > 2 && /\d|%/.test(part) ? '*' : part));
  return `${parts.join('/')}?${[...new Set(url.searchParams.keys())].sort()}`;
};

/**
 * Walks from `start` over all links inside the house, two pages of each shape. Returns { pages: [{ path, status, headers, text, facts }], forms }:
 * forms that are sent by POST, each address once.
 */
export async function crawl(house, visitor, start = ['/', '/admin', '/admin/setup', '/admin/account/security']) {
  const { context, page } = await house.visit();
  const queue = [...start];
  const known = new Set(queue);
  const shapes = new Map();
  const pages = [];
  const forms = new Map();
  while (queue.length) {
    const path = queue.shift();
    const answer = await visitor.get(path);
    if (answer.location?.startsWith('/') && !known.has(answer.location)) {
      known.add(answer.location);
      queue.push(answer.location);
    }
    if (!/^text\/html/.test(answer.headers['content-type'] ?? '')) continue;
    const found = await read(page, answer.text);
    pages.push({ path, status: answer.status, headers: answer.headers, text: answer.text, facts: found });
    for (const form of found.forms) {
      if (form.method.toLowerCase() !== 'post') continue;
      const action = new URL(form.action || path, `http://here${path}`);
      const address = action.pathname + action.search;
      if (!forms.has(shape(address))) forms.set(shape(address), { ...form, action: address, page: path });
    }
    for (const link of found.links) {
      const url = new URL(link, `http://here${path}`);
      if (url.host !== 'here' || /^\/(v1|swagger\.json|metrics|static|health)\b/.test(url.pathname)) continue;
      const address = url.pathname + url.search;
      const like = shapes.get(shape(address)) ?? 0;
      if (known.has(address) || like >= 2) continue;
      known.add(address);
      shapes.set(shape(address), like + 1);
      queue.push(address);
    }
  }
  await context.close();
  return { pages, forms: [...forms.values()] };
}
