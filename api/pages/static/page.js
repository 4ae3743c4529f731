"use strict";
// What a page does beyond reading: times in the reader's zone, what a bar's checks were, rows as they change.
(() => {
  document.documentElement.classList.add("scripted");
  const UNITS = [[86400, "d"], [3600, "h"], [60, "min"]];
  const local = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
  const short = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" });

  function span(seconds) {
    for (const [size, unit] of UNITS) if (seconds >= size) return `${Math.floor(seconds / size)} ${unit}`;
    return `${Math.max(0, Math.floor(seconds))} s`;
  }
  function ago(seconds) {
    if (seconds < 0) return `in ${span(-seconds)}`;
    return seconds < 10 ? "just now" : `${span(seconds)} ago`;
  }
  function tell(root) {
    for (const time of root.querySelectorAll("time[datetime]")) {
      const moment = new Date(time.dateTime);
      if (isNaN(moment)) continue;
      const seconds = (Date.now() - moment) / 1000;
      const exact = `${local.format(moment)} (${time.dateTime.replace("T", " ").replace("Z", " UTC")})`;
      if ("ago" in time.dataset) time.textContent = ago(seconds);
      else if ("span" in time.dataset) time.textContent = span(seconds);
      else if ("clock" in time.dataset) time.textContent = local.format(moment);
      time.title = "span" in time.dataset ? `since ${exact}` : exact;
    }
  }

  // Bars: the check below the pointer, its time and its reason.
  const tip = document.createElement("div");
  tip.id = "tip";
  tip.hidden = true;
  tip.setAttribute("aria-hidden", "true");
  document.addEventListener("pointermove", (event) => {
    const bar = event.target.closest?.("[data-checks]");
    const text = bar && at(bar, event.clientX);
    tip.hidden = !text;
    if (!text) return;
    if (!tip.isConnected) document.body.append(tip);
    tip.textContent = text;
    tip.style.left = `${Math.max(8, Math.min(event.clientX + 10, innerWidth - tip.offsetWidth - 8))}px`;
    tip.style.top = `${event.clientY + 18}px`;
  });
  function at(bar, x) {
    const facts = bar.dataset.checks ? bar.dataset.checks.split(" ") : [];
    const box = bar.getBoundingClientRect();
    const index = Math.floor(((x - box.left) / box.width) * 90) - (90 - facts.length);
    if (index < 0 || index >= facts.length) return "";
    let seconds = 0, pause = 0, reason = "";
    for (let i = 0; i <= index; i++) {
      const [step, , code] = facts[i].split(":");
      if (step) pause = parseInt(step, 36);
      seconds += pause;
      if (code && code !== "=") reason = code;
    }
    const [, ms, code] = facts[index].split(":");
    const verdict = !code ? "passed" : { n: "says nothing about the source", f: "failed" }[reason] ?? reason;
    return `${short.format(new Date(seconds * 1000))} · ${verdict}${ms ? ` · ${parseInt(ms, 36)} ms` : ""}`;
  }

  // Live: rows and counts are replaced where they stand; what is ticked and focused stays so.
  let events = null;
  function live() {
    events?.close();
    events = null;
    const root = document.querySelector("[data-live]");
    if (!root) return;
    const state = root.querySelector(".live");
    const say = (word, text) => {
      if (!state) return;
      state.dataset.state = word;
      state.querySelector(".word").textContent = text;
    };
    let lost = false;
    events = new EventSource(root.dataset.live);
    events.addEventListener("open", () => {
      say("live", "Live");
      if (lost && root.id) htmx.ajax("GET", location.href, { target: `#${root.id}`, select: `#${root.id}`, swap: "outerHTML" });
    });
    events.addEventListener("error", () => {
      lost = true;
      setTimeout(() => { if (events && events.readyState !== EventSource.OPEN) say("lost", `Connection lost; this is what was known at ${new Date().toLocaleTimeString()}`); }, 4000);
    });
    events.addEventListener("row", (event) => put(event.data));
    events.addEventListener("part", (event) => part(event.data));
    events.addEventListener("counts", (event) => part(event.data));
    events.addEventListener("gone", () => location.reload());
  }
  function fragment(html) {
    const template = document.createElement("template");
    template.innerHTML = html.trim();
    return template.content;
  }
  function put(html) {
    const fresh = fragment(html).firstElementChild;
    for (const old of document.querySelectorAll(`[data-row="${fresh.dataset.row}"]`)) {
      const row = fresh.cloneNode(true);
      const ticked = old.querySelector("input[name=id]")?.checked;
      const focused = old.contains(document.activeElement) ? document.activeElement : null;
      old.replaceWith(row);
      if (ticked) row.querySelector("input[name=id]").checked = true;
      if (focused) (row.querySelector(focused.name ? `[name=${focused.name}]:not([disabled])` : focused.tagName.toLowerCase()) ?? row.querySelector("a"))?.focus();
      tell(row);
    }
  }
  function part(html) {
    for (const fresh of [...fragment(html).children]) {
      const old = document.getElementById(fresh.id);
      if (!old || (fresh.dataset.look && fresh.dataset.look === old.dataset.look)) continue;
      if (old.contains(document.activeElement) && document.activeElement.matches("input, textarea, select")) continue;
      const open = [...old.querySelectorAll("details[id][open]")].map((each) => each.id);
      old.replaceWith(fresh);
      for (const id of open) document.getElementById(id)?.setAttribute("open", "");
      htmx.process(fresh);
      tell(fresh);
    }
    const down = document.querySelector("#counts .down b")?.textContent ?? "0";
    document.title = `${down !== "0" ? `(${down} down) ` : ""}${document.title.replace(/^\(\d+ down\) /, "")}`;
  }

  document.addEventListener("change", (event) => {
    if (event.target.form && "auto" in event.target.form.dataset) event.target.form.requestSubmit();
    if (!("all" in event.target.dataset)) return;
    for (const box of document.querySelectorAll("td.pick input")) box.checked = event.target.checked;
  });
  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.("[data-copy]");
    if (!button) return;
    const text = document.getElementById(button.dataset.copy)?.textContent ?? "";
    try { await navigator.clipboard.writeText(text); button.textContent = "Copied"; } catch { button.textContent = "Select it by hand"; }
  });
  document.addEventListener("submit", (event) => {
    const question = event.submitter?.dataset.confirm;
    if (event.submitter?.dataset.busy) event.submitter.textContent = event.submitter.dataset.busy;
    if (!question) return;
    if (!confirm(question)) { event.preventDefault(); event.stopPropagation(); return; }
    const sure = Object.assign(document.createElement("input"), { type: "hidden", name: "sure", value: "1" });
    event.target.append(sure);
  }, true);
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)) return;
    const search = document.querySelector("input[type=search]");
    if (search) { event.preventDefault(); search.focus(); search.select(); }
  });
  document.addEventListener("htmx:afterSettle", (event) => {
    tell(event.target);
    if (event.target.matches?.("[data-live]") || event.target.querySelector?.("[data-live]")) live();
  });
  document.addEventListener("htmx:responseError", (event) => {
    const status = event.detail.xhr.status;
    const notice = document.getElementById("notice");
    const text = new DOMParser().parseFromString(event.detail.xhr.responseText, "text/html").querySelector("main p")?.textContent;
    if (notice && status !== 401) notice.replaceChildren(Object.assign(document.createElement("p"), { className: "notice bad", textContent: text || `The service answered ${status}` }));
  });
  document.addEventListener("htmx:sendError", () => {
    document.getElementById("notice")?.replaceChildren(Object.assign(document.createElement("p"), { className: "notice bad", textContent: "The service does not answer; try again in a moment" }));
  });
  tell(document);
  live();
  document.querySelector(".menu [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  setInterval(() => tell(document), 20000);
})();
