"use strict";

// -- tables that sort ----------------------------------------------------------------------------------------

/** Give what a cell goes by: its number, else its text; null where nobody knows. */
function worth(cell, numbers) {
  if (!numbers) return cell.textContent;
  return "value" in cell.dataset ? number(cell.dataset.value) : null;
}

function number(text) {
  // As Python writes them.
  return { inf: Infinity, "-inf": -Infinity }[text] ?? Number(text);
}

/** Sort by a column; what nobody knows comes last in either direction, and of equals the order stays. */
function sort(table, column, ascending) {
  const body = table.tBodies[0];
  const numbers = table.tHead.rows[0].cells[column].classList.contains("number");
  const compare = numbers
    ? (a, b) => (a < b ? -1 : a > b ? 1 : 0)
    : new Intl.Collator("en", { numeric: true }).compare;
  const rows = Array.from(body.rows, (row) => [row, worth(row.cells[column], numbers)]);
  rows.sort(([, a], [, b]) => {
    if (a === null || b === null) return (a === null) - (b === null);
    return ascending ? compare(a, b) : compare(b, a);
  });
  body.append(...rows.map(([row]) => row));
}

for (const table of document.querySelectorAll("table.sortable")) {
  const headings = Array.from(table.tHead.rows[0].cells);
  headings.forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const ascending = heading.getAttribute("aria-sort") !== "ascending";
      for (const other of headings) other.removeAttribute("aria-sort");
      heading.setAttribute("aria-sort", ascending ? "ascending" : "descending");
      sort(table, column, ascending);
    });
  });
}

// -- on paper everything is unfolded ---------------------------------------------------------------------------

let unfolded = [];

addEventListener("beforeprint", () => {
  unfolded = Array.from(document.querySelectorAll("details:not([open])"));
  for (const details of unfolded) details.open = true;
});
addEventListener("afterprint", () => {
  for (const details of unfolded) details.open = false;
});

// -- the hosts over time ---------------------------------------------------------------------------------------

const NOT_THERE = 255;

const bytesOf = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));

/** Give the levels of all looks, one behind the other: each look was kept as what it differs from the one before by. */
async function levelsOf(base64, cells) {
  const stream = new Blob([bytesOf(base64)]).stream().pipeThrough(new DecompressionStream("deflate"));
  const levels = new Uint8Array(await new Response(stream).arrayBuffer());
  for (let at = cells; at < levels.length; at++) levels[at] += levels[at - cells];
  return levels;
}

class Scrubber {
  constructor(data) {
    const part = (name) => document.getElementById(`scrubber-${name}`);
    this.data = data;
    this.palette = bytesOf(data.palette);
    [this.run, this.load, this.picture, this.time, this.words, this.button, this.legend, this.top, this.shown] = [
      "run", "load", "picture", "time", "words", "play", "legend", "top", "shown",
    ].map(part);
    this.timer = null;
    this.levels = null;
    data.runs.forEach((run, place) => this.run.add(new Option(run.label, place)));
    this.run.addEventListener("change", () => this.choose());
    this.load.addEventListener("change", () => this.choose());
    this.time.addEventListener("input", () => this.draw());
    this.button.addEventListener("click", () => (this.timer === null ? this.play() : this.pause()));
  }

  get chosen() {
    return this.data.runs[this.run.value];
  }

  /** Offer the loads that the run has, and show the one that was shown, if it has it. */
  async choose() {
    const before = this.load.value;
    const had = this.data.loads.filter(({ name }) => name in this.chosen.loads);
    this.load.replaceChildren(...had.map(({ name, label }) => new Option(label, name)));
    if (before in this.chosen.loads) this.load.value = before;
    const scale = this.data.loads.find(({ name }) => name === this.load.value);
    const share = this.time.max > 0 ? this.time.value / this.time.max : 1 / 2;
    const wanted = this.chosen.loads[scale.name];
    const levels = await levelsOf(wanted.bytes, this.chosen.cells);
    if (wanted !== this.chosen.loads[this.load.value]) return; // another was chosen meanwhile
    this.levels = levels;
    this.label = scale.label;
    this.time.max = this.chosen.times.length - 1;
    this.time.value = Math.round(share * this.time.max);
    this.shown.textContent = this.chosen.label;
    this.top.textContent = `${Math.round(100 * scale.top)} %`;
    this.picture.setAttribute("aria-label", `${scale.label} of every host, ${this.chosen.label}`);
    this.legend.setAttribute("aria-label", `Colours: from dark, nothing ${this.label}, to light, ${this.top.textContent}`);
    this.size();
    this.paintLegend();
    this.draw();
  }

  /** Fit the grid: about twice as wide as high, few hosts in one row, cells as large as there is room. */
  size() {
    const { cells } = this.chosen;
    this.columns = cells <= 8 ? cells : Math.ceil(Math.sqrt(2 * cells));
    this.rows = Math.ceil(cells / this.columns);
    this.cell = Math.min(44, Math.max(6, Math.floor(880 / this.columns)));
    this.picture.width = this.columns * this.cell;
    this.picture.height = this.rows * this.cell;
  }

  colour(level) {
    return `rgb(${this.palette.subarray(3 * level, 3 * level + 3).join(" ")})`;
  }

  draw() {
    const look = Number(this.time.value);
    const { cells } = this.chosen;
    const pen = this.picture.getContext("2d");
    const inner = this.cell - 1; // a gap between cells
    pen.clearRect(0, 0, this.picture.width, this.picture.height);
    pen.strokeStyle = "#8a949e";
    for (let cell = 0; cell < cells; cell++) {
      const level = this.levels[look * cells + cell];
      const x = (cell % this.columns) * this.cell;
      const y = Math.floor(cell / this.columns) * this.cell;
      if (level === NOT_THERE) {
        pen.strokeRect(x + 0.5, y + 0.5, inner - 1, inner - 1);
      } else {
        pen.fillStyle = this.colour(level);
        pen.fillRect(x, y, inner, inner);
      }
    }
    this.tell(look);
  }

  /** Say in words what is seen. */
  tell(look) {
    const { hosts, cells, loads, times } = this.chosen;
    const load = loads[this.load.value];
    const count = (number) => `${number.toLocaleString("en")} host${number === 1 ? "" : "s"}`;
    const [away, without] = [load.away[look], load.without[look]];
    const parts = [`At ${times[look]}: ${this.label} ${load.mean[look]} % on average over hosts, ${load.most[look]} % at most.`];
    parts.push(away ? `${count(away)} of ${hosts.toLocaleString("en")} not there.` : `All ${count(hosts)} are there.`);
    if (without) parts.push(`${count(without)} have none of it.`);
    if (cells < hosts) parts.push(`A cell is the mean of ${Math.floor(hosts / cells)} or ${Math.ceil(hosts / cells)} neighbouring hosts.`);
    this.words.textContent = parts.join(" ");
    this.time.setAttribute("aria-valuetext", times[look]);
  }

  paintLegend() {
    const pen = this.legend.getContext("2d");
    for (let level = 0; level < NOT_THERE; level++) {
      pen.fillStyle = this.colour(level);
      pen.fillRect(level, 0, 1, 1);
    }
  }

  play() {
    // Whoever wants less motion gets a look a second.
    const pause = matchMedia("(prefers-reduced-motion: reduce)").matches ? 1000 : 100;
    if (Number(this.time.value) >= Number(this.time.max)) this.time.value = 0;
    this.words.setAttribute("aria-live", "off");
    this.button.textContent = "Pause";
    this.timer = setInterval(() => this.step(), pause);
    this.draw();
  }

  step() {
    if (this.levels === null) return;
    this.time.value = Number(this.time.value) + 1;
    this.draw();
    if (Number(this.time.value) >= Number(this.time.max)) this.pause();
  }

  pause() {
    clearInterval(this.timer);
    this.timer = null;
    this.button.textContent = "Play";
    this.words.setAttribute("aria-live", "polite");
  }
}

const data = document.getElementById("scrubber-data");
if (data !== null) {
  const scrubber = new Scrubber(JSON.parse(data.textContent));
  document.getElementById("scrubber").hidden = false;
  scrubber.choose();
}
