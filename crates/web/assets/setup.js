// The first event: looks for it every two seconds, and shows it when it has come.

const place = document.querySelector("[data-wait]");

async function look() {
  try {
    const answer = await fetch(place.dataset.wait, { headers: { Accept: "application/json" } });
    if (answer.status === 401) return;
    const { event } = await answer.json();
    if (event) {
      window.posthouse?.announce("The first event has come");
      location.reload();
      return;
    }
  } catch {
    // The server is not there for a moment: the next look will tell.
  }
  setTimeout(look, 2000);
}

if (place) setTimeout(look, 2000);
