// Keys for all pages. Every page works without it.
"use strict";
(() => {
  const places = { o: "/", c: "/customers", a: "/archive", f: "/failures" };
  let going = 0;
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, select, dialog");
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "/") {
      event.preventDefault();
      document.getElementById("find")?.focus();
    } else if (event.key === "?") {
      document.getElementById("help")?.showModal();
    } else if (event.key === "g") {
      going = event.timeStamp;
    } else if (event.timeStamp - going < 1000 && places[event.key]) {
      location.assign(places[event.key]);
    }
  });
  // What cannot be undone asks once more, and says what it concerns.
  document.addEventListener("submit", (event) => {
    const question = event.submitter?.dataset.ask ?? event.target.dataset.ask;
    if (question && !confirm(question)) event.preventDefault();
  });
})();
