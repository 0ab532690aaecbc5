// An HTTP server on 127.0.0.1 that keeps what it is sent: webhooks, landing places of redirects, files for autodetection.

import { createServer } from 'node:http';
import { eventually } from './wait.mjs';

export class Receiver {
  /** What came: { method, path, headers, text, json }. */
  seen = [];
  /** Answers by path: (request) => ({ status, headers, body }); everything else is answered 200 and empty. */
  routes = new Map();

  static async start() {
    const receiver = new Receiver();
    receiver.server = createServer((request, response) => {
      const chunks = [];
      request.on('data', (chunk) => chunks.push(chunk));
      request.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        let json = null;
        try {
          json = JSON.parse(text);
        } catch {
          // Not JSON; `text` says what it is.
        }
        const entry = { method: request.method, path: request.url, headers: request.headers, text, json };
        receiver.seen.push(entry);
        const answer = receiver.routes.get(request.url.split('?')[0])?.(entry) ?? {};
        response.writeHead(answer.status ?? 200, answer.headers ?? {});
        response.end(answer.body ?? '');
      });
    });
    await new Promise((done) => receiver.server.listen(0, '127.0.0.1', done));
    receiver.port = receiver.server.address().port;
    receiver.url = `http://127.0.0.1:${receiver.port}`;
    return receiver;
  }

  /** The first webhook of this event that matches. */
  event(name, matches = () => true, ms = 15_000) {
    return eventually(`webhook ${name}`, () => this.seen.find((entry) => entry.json?.event === name && matches(entry.json)), ms);
  }

  stop() {
    this.server.closeAllConnections?.();
    this.server.close();
  }
}
