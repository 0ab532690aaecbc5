// Search among the operations while one types. Without this file the form asks the server.

const field = document.querySelector("#q");
const sections = [...document.querySelectorAll(".ops")];
const whole = !field.value;

function search() {
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  let found = 0;
  let total = 0;
  for (const section of sections) {
    let here = 0;
    for (const line of section.querySelectorAll("li")) {
      const text = `${line.textContent} ${section.dataset.tag}`.toLowerCase();
      line.hidden = !words.every((word) => text.includes(word));
      total += 1;
      if (!line.hidden) here += 1;
    }
    section.hidden = here === 0;
    found += here;
  }
  document.querySelector("#none").hidden = found > 0;
  document.querySelector("#found").textContent = `${found} of ${total} operations`;
}

// A page that the server narrowed does not hold all of them.
if (whole) field.addEventListener("input", search);
