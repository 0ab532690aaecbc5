// The form that makes a token: permissions follow the presets, the summary follows the form, and the value is
// shown in a dialog. Without this file the form is sent as a form and answered with a page.

const $ = (selector, root = document) => root.querySelector(selector);
const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
const form = $("#maker");
const { post, announce } = window.posthouse;

document.documentElement.classList.add("scripted");
for (const part of $$("[data-script]")) part.hidden = false;

const chosen = (name) => $(`[name="${name}"]:checked`, form)?.value ?? "";
const ticked = (name) => $$(`[name="${name}"]:checked`, form).map((box) => box.value);
const text = (name) => form.elements[name].value.trim();

/** What the form asks for, as POST /v1/tokens takes it. The server reads plain forms the same way. */
function body() {
  const wanted = { scopes: chosen("reach") === "all" ? ["*"] : ticked("scope") };
  if (text("description")) wanted.description = text("description");
  if (chosen("binding") === "one") wanted.account = text("account");
  if (chosen("preset") !== "all") wanted.permissions = permissions();
  const restrictions = {};
  const addresses = text("addresses").split(/[\s,]+/).filter(Boolean);
  const referrers = text("referrers").split("\n").map((line) => line.trim()).filter(Boolean);
  if (addresses.length) restrictions.addresses = addresses;
  if (referrers.length) restrictions.referrers = referrers;
  if (text("requests") || text("seconds")) {
    restrictions.rateLimit = {};
    if (text("requests")) restrictions.rateLimit.maxRequests = text("requests");
    if (text("seconds")) restrictions.rateLimit.timeWindow = text("seconds");
  }
  if (Object.keys(restrictions).length) wanted.restrictions = restrictions;
  const days = { "1d": 1, "30d": 30, "90d": 90, "1y": 365 }[chosen("expires")];
  if (days) wanted.expires = new Date(Date.now() + days * 86400000).toISOString();
  else if (chosen("expires") === "date") wanted.expires = text("date") && `${text("date")}T23:59:59Z`;
  return wanted;
}

function permissions() {
  const actions = ticked("action");
  const groups = ticked("group");
  const everyAction = actions.length === $$('[name="action"]', form).length;
  const everyGroup = groups.length === $$('[name="group"]', form).length;
  const record = {};
  if (!everyAction || everyGroup) record.actions = actions;
  if (!everyGroup) record.groups = groups;
  return record;
}

// A preset ticks its boxes; a box that is changed makes it a choice of one's own.
function follow() {
  const preset = $('[name="preset"]:checked', form);
  if (!preset?.dataset.actions) return;
  for (const [name, words] of [["action", preset.dataset.actions], ["group", preset.dataset.groups]]) {
    const list = words.split(" ");
    for (const box of $$(`[name="${name}"]`, form)) box.checked = list.includes(box.value);
  }
}
form.addEventListener("change", (event) => {
  if (event.target.name === "preset") follow();
});
form.addEventListener("click", (event) => {
  const { tick, untick } = event.target.dataset;
  if (!tick && !untick) return;
  for (const box of $$(`[name="${tick ?? untick}"]`, form)) box.checked = Boolean(tick);
  form.dispatchEvent(new Event("input"));
});
follow();

// The summary

const icons = Object.fromEntries(
  $$("template[data-icon]").map((template) => [template.dataset.icon, template]),
);
const element = (name, className, ...children) => {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...children);
  return made;
};
const icon = (name) => icons[name]?.content.cloneNode(true) ?? "";

function phrases(title, list, className) {
  if (!list.length) return [];
  return [element("h3", "", title), element("ul", className, ...list.map((phrase) => element("li", "", phrase)))];
}

function draw(ability) {
  $("#ability").replaceChildren(
    element("p", "ability-summary", ability.summary),
    element(
      "ul",
      "surfaces",
      ...ability.surfaces.map(({ name, open, text }) =>
        element(
          "li",
          open ? "open" : "closed",
          icon(open ? "ok" : "lock"),
          element("div", "", element("b", "", name), " ", open ? text : element("span", "muted", "Closed.")),
        ),
      ),
    ),
    ...phrases("It may", ability.may, "phrases"),
    ...phrases("It may not", ability.mayNot, "phrases no"),
    ...ability.warnings.map(({ level, text }) =>
      element(
        "div",
        level === "conflict" ? "callout bad" : "callout warn",
        icon(level === "conflict" ? "warning" : "info"),
        element("div", "", text),
      ),
    ),
  );
}

let timer;
let asked = 0;
function preview() {
  clearTimeout(timer);
  timer = setTimeout(async () => {
    const mine = ++asked;
    try {
      const ability = await post("/admin/tokens/check", body());
      if (mine === asked && ability.summary) draw(ability);
    } catch {
      // The form works without it.
    }
  }, 180);
}
form.addEventListener("input", preview);
form.addEventListener("change", preview);
preview();

// Faults

const fields = {
  description: "description", account: "account", addresses: "addresses", referrers: "referrers",
  maxRequests: "requests", timeWindow: "seconds", expires: "date",
};
const sentences = {
  description: "Say what the token is for, so that you know it again.",
  account: "Choose the account, or let the token reach every account.",
  scopes: "Choose at least one scope.",
  actions: "Choose at least one action.",
  groups: "Choose at least one group.",
};

/** The sentence beside a field: what to do where that is known, else what the server says of it. */
function sentence(key, message) {
  if (key === "account" && /not found/.test(message)) return "There is no account with this id.";
  if (key === "addresses") return "Write IP addresses or networks, such as 192.0.2.0/24.";
  if (key === "expires") return /future/.test(message) ? "Choose a day in the future." : "Choose a date.";
  if (/required|empty|at least one|must contain/.test(message) && sentences[key]) return sentences[key];
  const rest = message.replace(/^"[^"]*" /, "");
  return `${rest[0].toUpperCase()}${rest.slice(1)}.`;
}

function clear() {
  $("#faults").hidden = true;
  $("#other-faults").replaceChildren();
  for (const place of $$("[data-fault]", form)) {
    place.hidden = true;
    place.textContent = "";
  }
  for (const field of $$("[aria-invalid]", form)) field.removeAttribute("aria-invalid");
}

function complain(answer) {
  clear();
  $("#faults").hidden = false;
  const faults = answer.fields ?? [{ key: answer.code === "AccountNotFound" ? "account" : "", message: answer.message }];
  let first;
  for (const { key, message } of faults) {
    const place = $(`[data-fault="${CSS.escape(key ?? "")}"]`, form);
    if (!place) {
      $("#other-faults").append(element("li", "", message));
      continue;
    }
    place.textContent = sentence(key, message);
    place.hidden = false;
    const field = $(`#${fields[key]}`) ?? $("input", place.closest("fieldset"));
    if (fields[key]) field.setAttribute("aria-invalid", "true");
    if (!first || field.compareDocumentPosition(first) & Node.DOCUMENT_POSITION_FOLLOWING) first = field;
  }
  if (first?.checkVisibility?.() ?? first) first.focus();
  else $("#faults").scrollIntoView({ block: "center" });
}

// The dialog

const dialog = $("#created");
let copied = false;
let made;

function show(answer, account) {
  made = answer;
  copied = false;
  $("#value").textContent = answer.token;
  $("#export").textContent = answer.export;
  for (const part of $$("[data-fill]", dialog))
    part.textContent = part.textContent
      .replaceAll("YOUR_TOKEN", answer.token)
      .replaceAll("ACCOUNT%5FID", encodeURIComponent(account ?? ""));
  for (const part of $$("[data-when]", dialog)) part.hidden = !answer[part.dataset.when];
  for (const part of $$("[data-unless]", dialog)) part.hidden = Boolean(answer[part.dataset.unless]);
  const own = $('[data-when="ownAccount"]', dialog);
  own.hidden = !answer.ownAccount || !account || answer.stats;
  dialog.showModal();
  $("#copy-value").focus();
  announce("Token created. Copy it now, it is shown once.");
}

/** Takes the value out of the page and goes to the page of the token. */
function leave() {
  copied = true;
  const { id } = made;
  $("#value").textContent = "";
  for (const part of $$("[data-fill]", dialog)) part.textContent = "";
  made = undefined;
  dialog.close();
  // In place of the form, so that "back" does not lead to a filled one.
  location.replace(`/admin/tokens/${id}`);
}

function close() {
  if (copied) return leave();
  $("#not-copied").hidden = false;
  $("#copy-close").focus();
}

dialog.addEventListener("cancel", (event) => {
  event.preventDefault();
  close();
});
// A second Escape closes a dialog whatever its page says: keep it from getting that far.
dialog.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  event.preventDefault();
  close();
});
dialog.addEventListener("close", () => {
  if (made) dialog.showModal();
});
dialog.addEventListener("copied", (event) => {
  if (event.detail.done && event.target.id === "copy-value") {
    copied = true;
    $("#not-copied").hidden = true;
  }
});
dialog.addEventListener("copy", () => {
  if (String(getSelection()).includes($("#value").textContent)) copied = true;
});
$("#close-created").addEventListener("click", close);
$("#just-close").addEventListener("click", leave);
$("#copy-close").addEventListener("click", async () => {
  try {
    await navigator.clipboard.writeText(made.token);
    leave();
  } catch {
    // No clipboard without HTTPS: select, and let the keyboard copy.
    getSelection().selectAllChildren($("#value"));
    announce("Selected, press Ctrl+C to copy");
    $("#value").focus();
  }
});
addEventListener("beforeunload", (event) => {
  if (made && !copied) event.preventDefault();
});

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = $("#create");
  if (button.disabled) return;
  button.disabled = true;
  const wanted = body();
  try {
    const answer = await post("/admin/tokens/new", wanted);
    if (answer.success) {
      clear();
      show(answer, wanted.account);
    } else complain(answer);
  } catch {
    complain({ message: "The server did not answer. Try again." });
  } finally {
    button.disabled = false;
    delete form.dataset.sent;
    button.removeAttribute("aria-disabled");
  }
});
