// The real binary as a child process, on a port and a data folder of its own.

import { spawn, execFile } from 'node:child_process';
import { pbkdf2Sync } from 'node:crypto';
import { promisify } from 'node:util';
import { createWriteStream, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ask } from './ask.mjs';
import { BINARY } from './tools.mjs';
import { eventually, freePort } from './wait.mjs';

const run = promisify(execFile);

/** The environment without what it may say to the server. */
const cleaned = () => Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(POSTHOUSE|EENGINE)_/.test(name)));

/** A prepared password as other installations export them, with few rounds: a debug build takes seconds for the usual number. */
function prepared(password) {
  const salt = Buffer.from('salt of the test');
  const plain = (bytes) => bytes.toString('base64').replace(/=+$/, '');
  const hash = pbkdf2Sync(password, salt, 1000, 32, 'sha256');
  return Buffer.from(`$pbkdf2-sha256$i=1000$${plain(salt)}$${plain(hash)}`).toString('base64url');
}

export class Server {
  #child;
  #token;

  /** `options`: env, args (of `serve`), password (of the administrator), settings (written over the API). */
  static async start(options = {}) {
    const server = new Server();
    server.options = { ...options, env: { ...(options.password && { EENGINE_PREPARED_PASSWORD: prepared(options.password) }), ...options.env } };
    server.dir = mkdtempSync(join(process.env.POSTHOUSE_TEST_DIR ?? tmpdir(), 'browser-'));
    server.port = await freePort();
    server.url = `http://127.0.0.1:${server.port}`;
    server.log = join(server.dir, 'posthouse.log');
    await server.restart();
    if (options.settings) await server.settings(options.settings);
    return server;
  }

  /** Starts it again on the same folder and port. */
  async restart() {
    await this.stop();
    const log = createWriteStream(this.log, { flags: 'a' });
    await new Promise((done) => log.on('open', done));
    const args = ['serve', '--host', '127.0.0.1', '--port', String(this.port), ...this.#store(), ...(this.options.args ?? [])];
    this.#child = spawn(BINARY, args, { cwd: this.dir, env: { ...cleaned(), ...this.options.env }, stdio: ['ignore', log, log] });
    const child = this.#child;
    child.on('error', () => {});
    await eventually(
      'the server answers',
      async () => {
        if (child.exitCode !== null) throw new Error(`the server ended:\n${this.logText()}`);
        return (await ask(`${this.url}/health`)).status === 200;
      },
      30_000,
    );
  }

  /** Ends it; the folder stays. */
  async stop() {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((done) => child.on('exit', done));
    child.kill('SIGKILL');
    await ended;
  }

  async remove() {
    await this.stop();
    if (!process.env.KEEP) rmSync(this.dir, { recursive: true, force: true });
  }

  logText() {
    return readFileSync(this.log, 'utf8');
  }

  /** `posthouse ARGS` on this server's store; what it prints. */
  async command(...args) {
    const { stdout } = await run(BINARY, [...args, ...this.#store()], { cwd: this.dir, env: { ...cleaned(), ...this.options.env } });
    return stdout.trim();
  }

  /** A token of scope `*`, made once. */
  async token() {
    this.#token ??= await this.command('tokens', 'issue', '-d', 'from a test', '-s', '*');
    return this.#token;
  }

  /** A call of the API with all rights; fails unless it is answered 200 (or `expected`). */
  async api(method, path, json, expected = 200) {
    const answer = await ask(this.url + path, { method, json, headers: { authorization: `Bearer ${await this.token()}` } });
    if (answer.status !== expected) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
    return answer.json();
  }

  settings(values) {
    return this.api('POST', '/v1/settings', values);
  }

  /** The account once it is in this state. */
  waitState(account, state, ms = 30_000) {
    return eventually(
      `${account} ${state}`,
      async () => {
        const answer = await this.api('GET', `/v1/account/${encodeURIComponent(account)}`);
        return answer.state === state && answer;
      },
      ms,
    );
  }

  #store() {
    return ['--data-dir', join(this.dir, 'data')];
  }
}
