// Keeps the results current by the stream of events, and by asking every few seconds where there is none. What
// fails takes nothing away: the last count stays. Without scripts pages load themselves again.
"use strict";
(() => {
  const { dataset } = document.currentScript;
  const [pause, silence] = [Number(dataset.pause), Number(dataset.silence)]; // ms
  // A page that says that there are no results has no such place, and gives way to them.
  const state = document.getElementById("live");
  const total = document.getElementById("total");
  const tally = document.querySelector(".tally");
  const hasStream = state && window.EventSource;
  document.getElementById("again")?.remove();

  const lang = document.documentElement.lang;
  const whole = new Intl.NumberFormat(lang);
  const percent = new Intl.NumberFormat(lang, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
  const votes = (count) => `${whole.format(count)} ${state.dataset[lang === "en" && count === 1 ? "vote" : "votes"]}`;

  // live, asked (every few seconds), away (the votes cannot be counted) or lost (the server cannot be heard)
  const tell = (what) => {
    if (!state || state.dataset.state === what) return;
    state.dataset.state = what;
    state.textContent = state.dataset[what];
  };

  const newLine = ({ id, label }) => {
    const line = tally.firstElementChild.cloneNode(true);
    line.dataset.choice = id;
    line.querySelector(".label").textContent = label;
    return line;
  };

  const show = (results) => {
    if (!state) return location.reload();
    const known = [...tally.children];
    const lines = results.choices.map((choice) => known.find((line) => line.dataset.choice === choice.id) ?? newLine(choice));
    // Lines that are put anew lose their transitions, so only when choices came or went.
    if (known.length !== lines.length || known.some((line, at) => line !== lines[at])) tally.replaceChildren(...lines);
    results.choices.forEach(({ votes: count }, at) => {
      const share = results.total ? Math.round((count * 1000) / results.total) / 10 : 0;
      lines[at].querySelector(".share").textContent = `${percent.format(share)}%`;
      lines[at].querySelector(".votes").textContent = votes(count);
      lines[at].querySelector(".fill").setAttribute("width", `${share}%`);
    });
    total.textContent = votes(results.total);
  };

  let source = null;
  let isHeard = false; // whether the stream has told something
  let isAsking = false;
  let watch, next;

  const leave = () => {
    source?.close();
    source = null;
    isHeard = false;
    clearTimeout(watch);
  };

  // Many are lost at once when a server ends: they are not to come back at once.
  const later = (ms) => {
    clearTimeout(next);
    next = setTimeout(turn, ms + (Math.random() * pause) / 2);
  };

  const ask = async () => {
    if (isAsking) return;
    isAsking = true;
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(), silence);
    let [results, failure] = [null, "lost"];
    try {
      const answer = await fetch("/results", { headers: { accept: "application/json" }, signal: limit.signal });
      const told = await answer.json();
      if (answer.ok) results = told;
      else if (told.error === "ledger_away") failure = "away";
    } catch {
      // Whatever it was, the server was not heard.
    }
    clearTimeout(timer);
    isAsking = false;
    // The stream may have come meanwhile, and knows better.
    if (isHeard) return;
    if (results) show(results);
    tell(results ? "asked" : failure);
  };

  const hear = () => {
    clearTimeout(watch);
    watch = setTimeout(lose, silence);
  };

  // The stream ended, was refused, or says nothing.
  const lose = () => {
    const wasHeard = isHeard;
    leave();
    if (!wasHeard) return ask();
    tell("lost");
    later(0);
  };

  const follow = () => {
    source = new EventSource("/results/live");
    const on = (name, deed) =>
      source.addEventListener(name, ({ data }) => {
        isHeard = true;
        hear();
        deed(data);
      });
    on("message", (data) => {
      show(JSON.parse(data));
      tell("live");
    });
    on("away", () => tell("away"));
    on("still", () => {});
    source.onerror = lose;
    hear();
  };

  const turn = () => {
    later(pause);
    if (isHeard) return;
    if (hasStream && !source) follow();
    else ask();
  };

  // Nobody looks at a page that is hidden.
  const wake = () => {
    leave();
    clearTimeout(next);
    if (document.hidden) return;
    if (hasStream) turn();
    else later(pause);
  };
  document.addEventListener("visibilitychange", wake);
  wake();
})();
