// Pages of settings: search while typing, rows of headers, event types, time zones. Pages work without it.

const $ = (selector, root = document) => root.querySelector(selector);
const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
const say = (text) => window.posthouse?.announce(text);

// The results of a search follow what is typed.
const search = $("[data-search]");
if (search) {
  let last = search.value;
  let timer;
  let turn = 0;
  search.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(async () => {
      if (search.value === last) return;
      last = search.value;
      const mine = ++turn;
      const address = "/admin/config" + (last.trim() ? "?q=" + encodeURIComponent(last) : "");
      const answer = await fetch(address);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const results = $("#results", page);
      if (!results || mine !== turn) return;
      $("#results").replaceWith(results);
      history.replaceState(null, "", address);
      const heading = $("#results h2");
      if (heading) say(heading.textContent);
    }, 180);
  });
}

// What is not saved is said beside the button.
for (const form of $$("form[data-config]")) {
  const note = $("[data-unsaved]", form);
  form.addEventListener("input", () => (note.hidden = false));
}

// Rows of headers: added and removed.
function prepareRows(table) {
  const body = $("tbody", table);
  const add = $("[data-add-row]", table.closest(".setting-control, form"));
  const number = () =>
    $$("tr", body).forEach((row, index) => {
      const [name, value] = $$("input", row);
      name.setAttribute("aria-label", `Name of header ${index + 1}`);
      value.setAttribute("aria-label", `Value of header ${index + 1}`);
      $("[data-remove-row]", row).setAttribute("aria-label", `Remove header ${index + 1}`);
    });
  for (const button of $$("[data-remove-row]", body)) button.hidden = false;
  add.hidden = false;
  add.addEventListener("click", () => {
    const row = $("tr", body).cloneNode(true);
    for (const input of $$("input", row)) {
      input.value = "";
      input.removeAttribute("aria-invalid");
    }
    body.append(row);
    number();
    $("input", row).focus();
  });
  body.addEventListener("click", (event) => {
    const button = event.target.closest("[data-remove-row]");
    if (!button) return;
    const row = button.closest("tr");
    if ($$("tr", body).length > 1) row.remove();
    else for (const input of $$("input", row)) input.value = "";
    number();
    table.dispatchEvent(new Event("input", { bubbles: true }));
    $("input", body).focus();
    say("Header removed");
  });
}
$$("[data-rows]").forEach(prepareRows);

// A test call leaves the rest of the page as it is: what is not saved stays.
document.addEventListener("submit", async (event) => {
  const form = event.target.closest("[data-test]");
  if (!form || event.defaultPrevented) return;
  event.preventDefault();
  say("Sending");
  try {
    const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const test = $("#test", page);
    if (!test) return location.reload();
    $("#test").replaceWith(test);
    $$("[data-rows]", test).forEach(prepareRows);
    const place = $('[aria-invalid="true"]', test) ?? $(".answer .callout, [role=alert]", test);
    if (place && !place.matches("input")) place.tabIndex = -1;
    place?.focus();
    say(place?.textContent.trim() ?? "");
  } catch {
    form.submit();
  }
});

// Event types: a whole group at once.
for (const events of $$("[data-events]"))
  for (const group of $$("[data-event-group]", events)) {
    const boxes = $$("input[type=checkbox]", group);
    if (boxes.length < 2) continue;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "btn ghost small";
    const title = $("legend", group).textContent;
    const name = () => {
      const none = boxes.every((box) => !box.checked);
      button.textContent = none ? "Tick all" : "Tick none";
      button.setAttribute("aria-label", `${button.textContent}: ${title}`);
    };
    name();
    group.append(button);
    group.addEventListener("change", name);
    button.addEventListener("click", () => {
      const on = boxes.every((box) => !box.checked);
      for (const box of boxes) box.checked = on;
      boxes[0].dispatchEvent(new Event("change", { bubbles: true }));
      boxes[0].dispatchEvent(new Event("input", { bubbles: true }));
    });
  }

// The browser knows the names of time zones.
const zones = $("#time-zones");
if (zones && Intl.supportedValuesOf)
  for (const zone of Intl.supportedValuesOf("timeZone")) {
    const option = document.createElement("option");
    option.value = zone;
    zones.append(option);
  }

// A line is put into a list.
for (const button of $$("[data-add-line]")) {
  const list = document.getElementById(button.dataset.addLine);
  if (!list) continue;
  const line = button.dataset.line;
  const lines = () => list.value.split("\n").map((text) => text.trim()).filter(Boolean);
  const mark = () => (button.hidden = lines().includes(line));
  mark();
  list.addEventListener("input", mark);
  button.addEventListener("click", () => {
    list.value = [...lines(), line].join("\n");
    list.dispatchEvent(new Event("input", { bubbles: true }));
    list.focus();
    say(`${line} chosen, not saved yet`);
  });
}
