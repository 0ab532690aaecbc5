// Hosted forms: steps without leaving the page, so that the password need not be typed twice. It stays in this page's
// memory and goes nowhere but into the form. Pages work without this.

const $ = (selector, root = document) => root.querySelector(selector);
const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
const say = (text) => window.posthouse?.announce(text);

let password = "";

function enter() {
  for (const field of $$("[data-tz]")) {
    try {
      field.value ||= Intl.DateTimeFormat().resolvedOptions().timeZone ?? "";
    } catch {
      // Without a zone the account has none.
    }
  }
  for (const button of $$("[data-test-button]")) button.hidden = false;
  const field = $('[name="imap_auth_pass"]');
  if (field && password && !field.value) {
    field.value = password;
    // Nothing to type again: the hint would only confuse.
    const hint = $("#imap_auth_pass-hint");
    if (hint) hint.hidden = true;
  }
  const link = $("a[data-redirect]");
  if (link && /^https?:$/.test(link.protocol)) location.replace(link.href);
}

/** Shows that something goes on below the form; the answer takes it away. */
function busy(form, text) {
  const note = document.createElement("p");
  note.className = "hosted-busy";
  note.textContent = text;
  form.append(note);
  say(text);
  const buttons = $$("button", form);
  for (const button of buttons) button.setAttribute("aria-disabled", "true");
  form.dataset.sent = "1";
  return () => {
    note.remove();
    for (const button of buttons) button.removeAttribute("aria-disabled");
    delete form.dataset.sent;
  };
}

/** Puts the content of another page of ours in the place of this one. */
function show(html) {
  const page = new DOMParser().parseFromString(html, "text/html");
  const main = $("main", page);
  if (!$("[data-hosted]", page) || !main) return false;
  document.title = page.title;
  document.documentElement.lang = page.documentElement.lang;
  $("main").replaceChildren(...[...main.childNodes].map((node) => document.importNode(node, true)));
  enter();
  const place = $('[aria-invalid="true"]') ?? $("h1");
  if (place) {
    if (place.matches("h1")) place.tabIndex = -1;
    place.focus();
  }
  scrollTo(0, 0);
  return true;
}

async function send(form, address) {
  const fields = new URLSearchParams(new FormData(form));
  return fetch(address, {
    method: "POST",
    headers: { "X-CSRF-Token": form.elements.crumb.value },
    body: fields,
  });
}

document.addEventListener("submit", async (event) => {
  const form = event.target.closest("form[data-step]");
  if (!form) return;
  event.preventDefault();
  if (form.dataset.sent) return;
  password = (form.elements.password ?? form.elements.imap_auth_pass)?.value || password;
  const done = busy(form, form.dataset.busy);
  try {
    const answer = await send(form, form.action);
    if (show(await answer.text())) return;
  } catch {
    // The browser tries by itself, and says what is wrong.
  }
  done();
  form.submit();
});

// Faults of the last test, at their fields.
function mark(form, fields) {
  for (const field of $$("[data-marked]", form)) {
    field.removeAttribute("aria-invalid");
    field.removeAttribute("data-marked");
  }
  for (const note of $$("[data-mark]", form)) note.remove();
  for (const { key, message } of fields) {
    const field = form.elements[key];
    if (!field || field.type === "hidden") continue;
    for (let box = field.closest("details"); box; box = box.parentElement.closest("details")) box.open = true;
    field.setAttribute("aria-invalid", "true");
    field.dataset.marked = "";
    const note = document.createElement("p");
    note.className = "error";
    note.id = `${key}-error`;
    note.dataset.mark = "";
    note.textContent = message;
    document.getElementById(note.id)?.remove();
    field.after(note);
    const described = (field.getAttribute("aria-describedby") ?? "").split(" ").filter((id) => id && id !== note.id);
    field.setAttribute("aria-describedby", [note.id, ...described].join(" "));
  }
  $("[data-marked]", form)?.focus();
}

function result(outcome) {
  const box = document.createElement("div");
  const kind = outcome.success ? "ok" : "bad";
  box.className = `callout ${kind}`;
  box.append($(`template[data-icon="${kind}"]`).content.cloneNode(true));
  const text = document.createElement("div");
  const line = (words, name) => {
    if (!words) return;
    const p = document.createElement("p");
    const inner = name === "strong" ? p.appendChild(document.createElement("strong")) : p;
    if (name === "small") p.className = "small muted";
    inner.textContent = words;
    text.append(p);
  };
  line(outcome.message, "strong");
  line(outcome.error);
  line(outcome.responseText, "small");
  box.append(text);
  return box;
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-test-button]");
  const form = button?.form;
  if (!form || form.dataset.sent) return;
  const place = $("[data-said]");
  place.replaceChildren();
  const done = busy(form, form.dataset.testing);
  try {
    const answer = await send(form, form.dataset.test);
    const said = await answer.json();
    mark(form, said.fields ?? []);
    const outcomes = [said.imap, said.smtp].filter(Boolean);
    if (!outcomes.length && !said.fields) outcomes.push({ success: false, message: form.dataset.failed, error: said.message });
    place.append(...outcomes.map(result));
    say(outcomes.map((outcome) => outcome.message).join(" "));
    if (outcomes.length) place.scrollIntoView({ block: "nearest" });
  } catch {
    place.append(result({ success: false, message: form.dataset.failed }));
  }
  done();
});

enter();
