// States of accounts, kept up to date by the change stream. Without it they are those of the page's load.

const tones = { success: "ok", info: "info", warning: "warn", danger: "bad", secondary: "" };
const badges = new Map();
for (const badge of document.querySelectorAll("[data-account-state]")) {
  const id = badge.dataset.accountState;
  badges.set(id, [...(badges.get(id) ?? []), badge]);
}

if (badges.size && "EventSource" in window) {
  let stream = null;
  const open = () => {
    if (stream) return;
    stream = new EventSource("/admin/changes");
    stream.addEventListener("message", (event) => {
      const change = JSON.parse(event.data);
      if (change.type !== "state" || !change.stateLabel) return;
      for (const badge of badges.get(change.account) ?? []) {
        badge.className = `badge ${tones[change.stateLabel.type] ?? ""}`;
        badge.textContent = change.stateLabel.name;
      }
    });
  };
  const close = () => {
    stream?.close();
    stream = null;
  };
  open();
  // A page that nobody looks at holds no connection.
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  addEventListener("pagehide", close);
}
