// <div class="suggest"><input data-suggest="/path.json"></div>: a text field that suggests accounts while one
// types (combobox with a list, ARIA Authoring Practices). Without this file it is a plain text field.

for (const field of document.querySelectorAll("input[data-suggest]")) combobox(field);

function combobox(field) {
  const list = document.createElement("ul");
  list.id = `${field.id}-list`;
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", "Accounts");
  list.hidden = true;
  field.after(list);
  for (const [name, value] of Object.entries({
    role: "combobox",
    "aria-autocomplete": "list",
    "aria-expanded": "false",
    "aria-controls": list.id,
  }))
    field.setAttribute(name, value);

  let active = -1;
  let timer;
  let asked = 0;
  const options = () => [...list.querySelectorAll("[role=option]:not(.nothing)")];

  function close() {
    clearTimeout(timer);
    asked += 1;
    list.hidden = true;
    active = -1;
    field.setAttribute("aria-expanded", "false");
    field.removeAttribute("aria-activedescendant");
  }

  function mark(index) {
    const all = options();
    if (!all.length) return;
    active = (index + all.length) % all.length;
    all.forEach((option, at) => option.setAttribute("aria-selected", String(at === active)));
    all[active].scrollIntoView({ block: "nearest" });
    field.setAttribute("aria-activedescendant", all[active].id);
  }

  function choose(option) {
    field.value = option.dataset.value;
    close();
    field.dispatchEvent(new Event("input", { bubbles: true }));
    close();
  }

  async function open() {
    const mine = ++asked;
    let found;
    try {
      const answer = await fetch(`${field.dataset.suggest}?q=${encodeURIComponent(field.value)}`);
      found = answer.ok ? await answer.json() : [];
    } catch {
      found = [];
    }
    if (mine !== asked || document.activeElement !== field) return;
    list.replaceChildren(
      ...found.map((account, at) => {
        const option = document.createElement("li");
        option.id = `${list.id}-${at}`;
        option.setAttribute("role", "option");
        option.setAttribute("aria-selected", "false");
        option.dataset.value = account.account;
        option.append(account.account);
        const more = [account.name, account.email].filter(Boolean).join(" · ");
        if (more) option.append(Object.assign(document.createElement("small"), { textContent: more }));
        return option;
      }),
    );
    if (!found.length) {
      const none = document.createElement("li");
      none.className = "nothing";
      none.setAttribute("role", "option");
      none.setAttribute("aria-disabled", "true");
      none.textContent = field.value ? "No account matches" : "There are no accounts yet";
      list.append(none);
    }
    active = -1;
    list.hidden = false;
    field.setAttribute("aria-expanded", "true");
    window.posthouse?.announce(found.length === 1 ? "1 account" : `${found.length} accounts`);
  }

  field.addEventListener("input", (event) => {
    if (!event.isTrusted) return;
    clearTimeout(timer);
    timer = setTimeout(open, 150);
  });
  field.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const down = event.key === "ArrowDown";
      if (list.hidden) open().then(() => mark(down ? 0 : -1));
      else mark(down ? active + 1 : active < 0 ? -1 : active - 1);
    } else if (event.key === "Enter" && !list.hidden && active >= 0) {
      event.preventDefault();
      choose(options()[active]);
    } else if (event.key === "Escape" && !list.hidden) {
      event.preventDefault();
      close();
    } else if (event.key === "Tab") close();
  });
  field.addEventListener("blur", () => setTimeout(close, 120));
  list.addEventListener("mousedown", (event) => event.preventDefault());
  list.addEventListener("click", (event) => {
    const option = event.target.closest("[role=option]:not(.nothing)");
    if (option) choose(option);
  });
}
