// The dashboard while it is open: times in the reader's zone, numbers that stay true.

const overview = document.querySelector("#overview");
const badge = document.querySelector("#live");

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const date = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

/** Says times in the reader's own zone. */
function localize(root) {
  for (const time of root.querySelectorAll("time[data-date]")) time.textContent = date.format(new Date(time.dateTime));
  const format = overview.dataset.range === "7d" ? day : clock;
  for (const time of root.querySelectorAll("time[data-clock], time[data-day]"))
    time.textContent = format.format(new Date(time.dateTime));
  for (const title of root.querySelectorAll("title[data-at]"))
    title.textContent = `${format.format(new Date(Number(title.dataset.at)))} · ${title.textContent.split(" · ").slice(1).join(" · ")}`;
  for (const zone of root.querySelectorAll("[data-zone]")) zone.remove();
}

let sent = new Map();
let asking = false;
let again = false;
let over = false;

/** Puts sections that differ in the place of those shown; what has the focus is left alone. */
function replace(html) {
  const fresh = new DOMParser().parseFromString(html, "text/html");
  for (const section of fresh.querySelectorAll("[data-live]")) {
    const known = sent.get(section.id);
    const text = section.outerHTML;
    const shown = document.getElementById(section.id);
    if (!shown || known === text) continue;
    if (shown.contains(document.activeElement) && document.activeElement.matches(":focus-visible")) continue;
    for (const open of shown.querySelectorAll("details[open][data-keep]"))
      section.querySelector(`details[data-keep="${open.dataset.keep}"]`)?.setAttribute("open", "");
    sent.set(section.id, text);
    localize(section);
    shown.replaceWith(document.importNode(section, true));
  }
}

async function refresh() {
  if (over || document.hidden) return;
  if (asking) return void (again = true);
  asking = true;
  try {
    const answer = await fetch(`/admin/overview?range=${overview.dataset.range}`, { redirect: "error" });
    if (answer.ok) replace(await answer.text());
  } catch {
    // The server is away or the session is over: the next try tells.
  }
  asking = false;
  if (again) {
    again = false;
    later();
  }
}

let timer;
/** Many changes at once are one refresh. */
function later() {
  clearTimeout(timer);
  timer = setTimeout(refresh, 800);
}

let stream = null;
function open() {
  stream ??= new EventSource("/admin/changes");
  stream.onopen = () => (badge.hidden = false);
  stream.onmessage = later;
  stream.onerror = () => (badge.hidden = true);
}

function close() {
  stream?.close();
  stream = null;
}

if (overview) {
  localize(overview);
  open();
  addEventListener("pagehide", () => {
    over = true;
    close();
  });
  addEventListener("pageshow", (event) => event.persisted && location.reload());
  // A page that nobody looks at holds no connection: browsers have few for one server.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return close();
    open();
    refresh();
  });
  setInterval(refresh, 10000);
}
