// Commands as they stand on a page, run as a person would: copied into a shell.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** What a command that was copied from a page prints. Only curl, and only to this server. */
export async function paste(text, server) {
  if (!/^curl /.test(text.trim())) throw new Error(`not a curl command: ${text}`);
  if (!text.includes(server.url)) throw new Error(`not to this server: ${text}`);
  // The body, then the status on a line of its own.
  const { stdout } = await run('bash', ['-c', `${text.trim()} -s -w '\\n%{http_code}'`], { timeout: 20_000 });
  const at = stdout.lastIndexOf('\n');
  return { body: stdout.slice(0, at), status: Number(stdout.slice(at + 1)) };
}
