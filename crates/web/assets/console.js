// What every page of the console shares: theme, copy buttons, menu, unsaved changes, relative times.
// Pages work without it.

const $ = (selector, root = document) => root.querySelector(selector);
const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

/** Says something to screen readers. */
function announce(text) {
  const place = $("#announce");
  if (!place) return;
  place.textContent = "";
  setTimeout(() => (place.textContent = text), 50);
}

/** The value for the header X-CSRF-Token. */
const crumb = () => $('meta[name="crumb"]')?.content ?? "";

/** Sends JSON to a path of the console; the answer is its JSON. */
async function post(path, body = {}) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-CSRF-Token": crumb() },
    body: JSON.stringify(body),
  });
  return answer.json();
}

// For the scripts of single pages: importing this file would load it a second time, as addresses carry a hash.
window.posthouse = { announce, crumb, post };

// Theme: a cookie, so that the server renders the page in it.
for (const group of $$("[data-theme-switch]")) {
  group.hidden = false;
  const root = document.documentElement;
  const mark = () => {
    for (const button of $$("[data-theme-value]", group))
      button.setAttribute("aria-pressed", String(button.dataset.themeValue === (root.dataset.theme ?? "")));
  };
  mark();
  group.addEventListener("click", (event) => {
    const button = event.target.closest("[data-theme-value]");
    if (!button) return;
    const value = button.dataset.themeValue;
    if (value) root.dataset.theme = value;
    else delete root.dataset.theme;
    document.cookie = `theme=${value}; Path=/; Max-Age=${value ? 31536000 : 0}; SameSite=Lax`;
    mark();
  });
}

// <button data-copy="#id"> copies the text of that element, <button data-copy-text="..."> a text.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy], [data-copy-text]");
  if (!button) return;
  const source = button.dataset.copy && $(button.dataset.copy);
  const text = button.dataset.copyText ?? source?.value ?? source?.textContent ?? "";
  let done = true;
  try {
    await navigator.clipboard.writeText(text.trim());
  } catch {
    // Pages of plain HTTP have no clipboard: select, so that the keyboard can copy.
    done = false;
    if (source) getSelection().selectAllChildren(source);
  }
  const label = $("[data-copy-label]", button) ?? button;
  const before = label.dataset.before ?? label.innerHTML;
  label.dataset.before = before;
  label.textContent = done ? "Copied" : "Selected";
  announce(done ? "Copied to the clipboard" : "Selected, press Ctrl+C to copy");
  button.dispatchEvent(new CustomEvent("copied", { bubbles: true, detail: { done } }));
  setTimeout(() => (label.innerHTML = before), 1600);
});

// The menu of narrow screens closes with Escape.
for (const menu of $$("[data-menu]"))
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && menu.open) {
      menu.open = false;
      $("summary", menu).focus();
    }
  });

// <form data-guard>: leaving with unsaved changes is asked about.
for (const form of $$("form[data-guard]")) {
  let changed = false;
  form.addEventListener("input", () => (changed = true));
  // A form that is shown in a frame is still to be sent.
  form.addEventListener("submit", (event) => (changed &&= Boolean(event.submitter?.formTarget)));
  addEventListener("beforeunload", (event) => {
    if (changed) event.preventDefault();
  });
}

// <select data-autosubmit>: filters apply at once.
for (const field of $$("[data-autosubmit]")) field.addEventListener("change", () => field.form.requestSubmit());

// <form data-once>: no second submit while the first is under way.
for (const form of $$("form[data-once]"))
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) return event.preventDefault();
    form.dataset.sent = "1";
    for (const button of $$("button:not([type=button])", form)) button.setAttribute("aria-disabled", "true");
  });
addEventListener("pageshow", () => {
  for (const form of $$("form[data-once]")) {
    delete form.dataset.sent;
    for (const button of $$("button[aria-disabled]", form)) button.removeAttribute("aria-disabled");
  }
});

// <time datetime="..." data-relative> goes on; the exact time is its title.
function since(date) {
  const seconds = Math.round((Date.now() - date) / 1000);
  const ago = Math.abs(seconds);
  // What is ahead is rounded: 30 days less a second are not 29 days.
  const whole = seconds < 0 ? Math.round : Math.floor;
  const say = (count, unit) => (seconds < 0 ? `in ${count} ${unit}` : `${count} ${unit} ago`);
  const many = (count, unit) => say(count, count === 1 ? unit : `${unit}s`);
  if (ago < 5) return "just now";
  if (ago < 60) return say(ago, "s");
  if (ago < 3600) return say(whole(ago / 60), "min");
  if (ago < 86400) return say(whole(ago / 3600), "h");
  if (ago < 5184000) return many(whole(ago / 86400), "day");
  return many(whole(ago / 2592000), "month");
}
function relative() {
  for (const time of $$("time[data-relative]")) {
    const date = new Date(time.dateTime);
    if (isNaN(date)) continue;
    time.title = date.toLocaleString();
    time.textContent = since(date);
  }
}
relative();
setInterval(relative, 15000);

// A fault is said until its field is changed.
document.addEventListener("input", ({ target }) => {
  if (target.getAttribute("aria-invalid") !== "true") return;
  target.removeAttribute("aria-invalid");
  const said = (target.getAttribute("aria-describedby") ?? "").split(" ").map((id) => document.getElementById(id));
  for (const error of said) if (error?.classList.contains("error")) error.hidden = true;
});

// After a failed form the first faulty field has the focus.
$('[aria-invalid="true"]')?.focus();
