// The keys of the settings, from the server's own document.

import { ask } from './ask.mjs';

/** Every key that GET /v1/settings takes. */
export async function allKeys(server) {
  const document = (await ask(`${server.url}/swagger.json`)).json();
  return document.paths['/v1/settings'].get.parameters.filter((parameter) => parameter.in === 'query' && parameter.name !== 'eventTypes').map((parameter) => parameter.name);
}
