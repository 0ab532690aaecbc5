// Calls of an operation from its page, with a token that ends by itself. The token stays in this variable.

const $ = (selector) => document.querySelector(selector);
const form = $("#call");
const { post, announce, crumb } = window.posthouse;
const { method, path, base } = form.dataset;
const fields = [...form.querySelectorAll("[data-in]")];
const body = $("#body");
/** What is shown of an answer at the most, characters. */
const SHOWN = 300000;

let token;
let running;

async function access() {
  if (token && new Date(token.expires) - Date.now() > 30000) return token.token;
  const answer = await post("/admin/reference/token");
  if (!answer.success) throw new Error(answer.message);
  token = answer;
  return token.token;
}

addEventListener("pagehide", () => {
  if (!token) return;
  fetch("/admin/reference/revoke", {
    method: "POST",
    keepalive: true,
    headers: { "Content-Type": "application/json", "X-CSRF-Token": crumb() },
    body: JSON.stringify({ token: token.token }),
  });
  token = undefined;
});

const filled = (place) => fields.filter((field) => field.dataset.in === place && field.value !== "");

/** The address of the call, below the origin. */
function address() {
  let at = path;
  for (const field of filled("path")) at = at.replace(`{${field.name}}`, encodeURIComponent(field.value));
  const query = filled("query").map((field) => `${encodeURIComponent(field.name)}=${encodeURIComponent(field.value)}`);
  return query.length ? `${at}?${query.join("&")}` : at;
}

const headers = () => Object.fromEntries(filled("header").map((field) => [field.name, field.value]));

// As a shell takes it: nothing in single quotes is special, and in double quotes these four are.
const single = (text) => `'${text.replaceAll("'", "'\\''")}'`;
const double = (text) => `"${text.replace(/[\\"$`]/g, "\\$&")}"`;

function curl() {
  const parts = [`curl${method === "GET" ? "" : ` -X ${method}`} ${double(base + address())}`];
  parts.push('-H "Authorization: Bearer YOUR_TOKEN"');
  for (const [name, value] of Object.entries(headers())) parts.push(`-H ${double(`${name}: ${value}`)}`);
  if (body?.value.trim()) {
    parts.push('-H "Content-Type: application/json"');
    parts.push(`-d ${single(body.value.trim())}`);
  }
  $("#curl").textContent = parts.join(" \\\n  ");
}
form.addEventListener("input", curl);
curl();

function complain(text) {
  const place = $("#body-error");
  place.textContent = text;
  place.hidden = !text;
  if (text) body.setAttribute("aria-invalid", "true");
  else body.removeAttribute("aria-invalid");
}

/** The text of an answer as it comes in. */
async function read(answer, show) {
  const reader = answer.body?.getReader();
  if (!reader) return "";
  const decoder = new TextDecoder();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    text += decoder.decode(value, { stream: true });
    if (text.length > SHOWN) {
      reader.cancel();
      return `${text.slice(0, SHOWN)}\n… the rest is not shown`;
    }
    show(text);
  }
}

function pretty(text, type) {
  if (!type.includes("json")) return text || "(no content)";
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

async function send() {
  running = new AbortController();
  $("#send").disabled = true;
  $("#stop").hidden = false;
  const status = $("#status");
  try {
    const options = { method, headers: { ...headers(), Authorization: `Bearer ${await access()}` }, signal: running.signal };
    if (body?.value.trim()) {
      options.headers["Content-Type"] = "application/json";
      options.body = body.value;
    }
    const started = performance.now();
    const answer = await fetch(address(), options);
    status.className = `badge ${answer.ok ? "ok" : answer.status < 500 ? "warn" : "bad"}`;
    status.textContent = `${answer.status} ${answer.statusText}`.trim();
    $("#headers").textContent = [...answer.headers].map(([name, value]) => `${name}: ${value}`).join("\n");
    $("#answer").textContent = "";
    $("#result").hidden = false;
    const type = answer.headers.get("content-type") ?? "";
    const text = await read(answer, (text) => {
      if (type.startsWith("text/event-stream")) $("#answer").textContent = text;
    });
    $("#timing").textContent = `${Math.round(performance.now() - started)} ms, ${new Blob([text]).size} bytes`;
    $("#answer").textContent = pretty(text, type);
    announce(`Answer ${status.textContent}`);
    $("#result").focus({ preventScroll: true });
    $("#result").scrollIntoView({ block: "nearest" });
  } catch (error) {
    $("#result").hidden = false;
    if (error.name === "AbortError") {
      announce("Stopped");
    } else {
      status.className = "badge bad";
      status.textContent = "No answer";
      $("#headers").textContent = "";
      $("#answer").textContent = error.message;
      announce("The call failed");
    }
  } finally {
    $("#send").disabled = false;
    $("#stop").hidden = true;
    running = undefined;
  }
}

$("#stop").addEventListener("click", () => running?.abort());

const ask = $("#ask");
$("#ask-no").addEventListener("click", () => ask.close());
$("#ask-yes").addEventListener("click", () => {
  ask.close();
  send();
});

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (running) return;
  if (body?.value.trim()) {
    try {
      JSON.parse(body.value);
      complain("");
    } catch (error) {
      complain(`This is not JSON: ${error.message}`);
      return body.focus();
    }
  } else if (body) complain("");
  if (!("ask" in form.dataset)) return send();
  $("#ask-line").textContent = `${method} ${address()}`;
  ask.showModal();
  $("#ask-no").focus();
});
