// Without this script the links of the matrix lead to the images of their cells. With it these are shown below the matrix at once,
// arrow keys move within the matrix, and Escape leads back.
(() => {
  // Of many classes it is a list of pairs.
  const matrix = document.querySelector("#confusion table");
  if (!matrix) return;
  document.documentElement.classList.add("js");
  let link = null;

  const hide = () => {
    document.querySelectorAll(".cell.shown").forEach((cell) => cell.classList.remove("shown"));
    if (link) link.removeAttribute("aria-current");
  };
  const show = (chosen) => {
    hide();
    link = chosen;
    link.setAttribute("aria-current", "true");
    const cell = document.getElementById(link.hash.slice(1));
    cell.classList.add("shown");
    cell.querySelector("h3").focus({ preventScroll: true });
    cell.scrollIntoView({ block: "nearest" });
  };
  const back = () => {
    if (!link) return;
    const was = link;
    hide();
    link = null;
    was.focus();
  };

  matrix.addEventListener("click", (event) => {
    const chosen = event.target.closest("a");
    if (!chosen) return;
    event.preventDefault();
    show(chosen);
  });
  document.querySelectorAll(".cell .back").forEach((button) =>
    button.addEventListener("click", (event) => {
      event.preventDefault();
      back();
    }),
  );
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") back();
    // With another key they are the browser's.
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    const from = step && event.target.closest("#confusion td");
    if (!from) return;
    event.preventDefault();
    let row = from.parentElement.rowIndex;
    let column = from.cellIndex;
    for (;;) {
      row += step[0];
      column += step[1];
      const next = row > 0 && column > 0 && matrix.rows[row] && matrix.rows[row].cells[column];
      if (!next) return;
      const there = next.querySelector("a");
      if (there) return there.focus();
    }
  });
  if (location.hash.startsWith("#cell-")) {
    const chosen = [...matrix.querySelectorAll("a")].find((link) => link.hash === location.hash);
    if (chosen) show(chosen);
  }
})();
