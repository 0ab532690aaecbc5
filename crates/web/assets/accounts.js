// States of accounts, kept up to date by the change stream. Without it they are those of the page's load.

const tones = { success: "ok", info: "info", warning: "warn", danger: "bad", secondary: "" };
const badges = [...document.querySelectorAll("[data-account-state]")];

function show(id, tone, name) {
  for (const badge of badges) {
    if (badge.dataset.accountState !== id) continue;
    badge.className = `badge ${tone}`;
    badge.textContent = name;
  }
}

/** Accounts that the stream told of since it is open: what it tells is newer than what a page says that was asked for meanwhile. */
const told = new Set();

/** Takes over what changed before the stream was open: the states of this page as it is now. */
async function catchUp() {
  told.clear();
  const answer = await fetch(location.pathname + location.search).catch(() => null);
  if (!answer?.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const badge of fresh.querySelectorAll("[data-account-state]"))
    if (!told.has(badge.dataset.accountState)) show(badge.dataset.accountState, badge.className.replace("badge", "").trim(), badge.textContent);
}

let stream = null;
function open() {
  if (stream) return;
  stream = new EventSource("/admin/changes");
  // Between the drawing of the page and this moment a state may have changed that nobody tells any more.
  stream.addEventListener("open", catchUp);
  stream.addEventListener("message", (event) => {
    const change = JSON.parse(event.data);
    if (change.type !== "state" || !change.stateLabel) return;
    told.add(change.account);
    show(change.account, tones[change.stateLabel.type] ?? "", change.stateLabel.name);
  });
}

function close() {
  stream?.close();
  stream = null;
}

if (badges.length && "EventSource" in window) {
  open();
  // A page that nobody looks at holds no connection.
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  addEventListener("pagehide", close);
}

// A delivery test that is under way: the page is asked for again until there is a result.
const waiting = document.querySelector("[data-delivery=pending]");
async function lookAgain() {
  if (!document.hidden) {
    const answer = await fetch(location.pathname).catch(() => null);
    if (answer?.ok) {
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-delivery]");
      // The result comes with the rest of its page.
      if (fresh?.dataset.delivery !== "pending") return location.reload();
      if (fresh.innerHTML !== waiting.innerHTML) waiting.innerHTML = fresh.innerHTML;
    }
  }
  setTimeout(lookAgain, 2000);
}
if (waiting) setTimeout(lookAgain, 1000);
