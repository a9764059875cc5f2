// Keeps the page live: asks again every two seconds, with the ETag of what is shown, and changes only what differs,
// so that scroll position, focus, open details and half-written forms stay as they are.
"use strict";

const EVERY_MS = 2000;
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "always", style: "short" });
const pulse = document.getElementById("pulse");
let tag = null;
let failures = 0;

// Times: local, relative where that says more; the exact UTC is in the title.
function clock(date, seconds = true) {
  return date.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit", second: seconds ? "2-digit" : undefined, hour12: false });
}
function ago(date) {
  const seconds = (date - Date.now()) / 1000;
  const size = Math.abs(seconds);
  if (size < 5) return "now";
  if (size < 90) return relative.format(Math.round(seconds), "second");
  if (size < 5400) return relative.format(Math.round(seconds / 60), "minute");
  if (size < 172800) return relative.format(Math.round(seconds / 3600), "hour");
  return relative.format(Math.round(seconds / 86400), "day");
}
function full(date, seconds = true) {
  if (date.toDateString() === new Date().toDateString()) return clock(date);
  return `${date.toLocaleDateString(undefined, { month: "short", day: "numeric" })} ${clock(date, seconds)}`;
}
const wordings = { ago, clock: (date) => full(date, false), full, both: (date) => `${full(date)} (${ago(date)})` };
function tell() {
  for (const time of document.querySelectorAll("time[data-how]")) {
    const text = wordings[time.dataset.how](new Date(time.dateTime));
    if (time.textContent !== text) time.textContent = text;
  }
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
  for (const name of document.querySelectorAll("[data-zone-name]")) if (name.textContent !== zone) name.textContent = zone;
  for (const link of document.querySelectorAll("a[data-zone]")) {
    const href = `${link.getAttribute("href").split("?")[0]}?zone=${encodeURIComponent(zone)}`;
    if (link.getAttribute("href") !== href) link.setAttribute("href", href);
  }
  for (const tick of document.querySelectorAll("[data-tick]")) {
    const date = new Date(tick.dataset.tick * 1000);
    const text = clock(date, date.getSeconds() !== 0);
    if (tick.textContent !== text) tick.textContent = text;
  }
}

// Change one tree into another. What a person has done to the page (open details, typed text) is theirs.
const theirs = { DETAILS: ["open"], INPUT: ["value", "checked"] };
function morph(from, to) {
  if (from.isEqualNode(to)) return;
  if (from.nodeType === Node.TEXT_NODE) { from.data = to.data; return; }
  if (from.nodeType !== Node.ELEMENT_NODE) return;
  const kept = theirs[from.tagName] || [];
  for (const { name } of [...from.attributes]) if (!to.hasAttribute(name) && !kept.includes(name)) from.removeAttribute(name);
  for (const { name, value } of to.attributes) if (from.getAttribute(name) !== value && !kept.includes(name)) from.setAttribute(name, value);
  if (from.tagName === "TIME" || from.hasAttribute("data-tick")) return;
  morphChildren(from, to);
}
function alike(one, other) {
  return one.nodeType === other.nodeType && one.nodeName === other.nodeName && (one.id || "") === (other.id || "");
}
function morphChildren(from, to) {
  const byId = new Map([...from.children].filter((child) => child.id).map((child) => [child.id, child]));
  let here = from.firstChild;
  for (const wanted of [...to.childNodes]) {
    const known = wanted.id && byId.get(wanted.id);
    if (known && known.nodeName === wanted.nodeName) {
      if (known === here) here = here.nextSibling;
      else from.insertBefore(known, here);
      morph(known, wanted);
    } else if (here && alike(here, wanted)) {
      const next = here.nextSibling;
      morph(here, wanted);
      here = next;
    } else {
      from.insertBefore(document.importNode(wanted, true), here);
    }
  }
  while (here) { const next = here.nextSibling; here.remove(); here = next; }
}

async function refresh() {
  const headers = { Accept: "text/html" };
  if (tag) headers["If-None-Match"] = tag;
  const answer = await fetch(location.href.split("#")[0], { headers, cache: "no-store", credentials: "same-origin" });
  if (answer.redirected) { location.reload(); return; }
  if (answer.status !== 304) {
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    tag = answer.headers.get("ETag");
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const id of ["nav", "main"]) morph(document.getElementById(id), page.getElementById(id));
    document.title = page.title;
  }
}
function show(state, words, title) {
  pulse.hidden = false;
  pulse.className = `pulse ${state}`;
  pulse.title = title;
  if (pulse.lastElementChild.textContent !== words) pulse.lastElementChild.textContent = words;
}
async function turn() {
  if (document.visibilityState === "visible") {
    try {
      // What came of a form is a page of its own, which the address does not give again.
      if (!document.querySelector("[data-still]")) {
        await refresh();
        show("", "live", "This page keeps itself up to date.");
      }
      failures = 0;
    } catch {
      failures += 1;
      show(failures > 3 ? "gone" : "late", failures > 3 ? "no answer" : "waiting", "The server does not answer; trying again.");
    }
    tell();
  }
  setTimeout(turn, EVERY_MS * Math.min(8, 1 + failures));
}

// Reading a chart: the nearest point to the pointer, with its time.
const SVG = "http://www.w3.org/2000/svg";
function part(chart, name, cls) {
  let found = chart.querySelector(`.${cls}`);
  if (!found) { found = document.createElementNS(SVG, name); found.setAttribute("class", cls); chart.append(found); }
  return found;
}
function unread(chart) {
  for (const item of chart.querySelectorAll(".cross, .readout")) item.remove();
}
document.addEventListener("pointermove", (event) => {
  const chart = event.target.closest && event.target.closest(".line-chart");
  for (const other of document.querySelectorAll(".line-chart")) if (other !== chart) unread(other);
  if (!chart) return;
  const times = chart.dataset.times.split(" ").map(Number);
  const values = chart.dataset.values.split("|");
  const [left, right] = [Number(chart.dataset.left), Number(chart.dataset.right)];
  const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(chart.getScreenCTM().inverse());
  if (point.x < left || point.x > right) { unread(chart); return; }
  const span = times[times.length - 1] - times[0];
  const at = times[0] + ((point.x - left) / (right - left)) * span;
  const nearest = times.reduce((best, time, index) => (Math.abs(time - at) < Math.abs(times[best] - at) ? index : best), 0);
  const x = left + ((times[nearest] - times[0]) / span) * (right - left);
  const height = chart.viewBox.baseVal.height;
  const cross = part(chart, "line", "cross");
  for (const [name, value] of Object.entries({ x1: x, x2: x, y1: 10, y2: height - 20 })) cross.setAttribute(name, value);
  const text = part(chart, "text", "readout");
  const flip = x > (left + right) / 2;
  text.setAttribute("x", flip ? x - 6 : x + 6);
  text.setAttribute("y", 20);
  text.setAttribute("text-anchor", flip ? "end" : "start");
  text.textContent = `${values[nearest]}  ${clock(new Date(times[nearest] * 1000))}`;
});

// The theme is kept in a cookie by the server; with script the page does not have to load again.
document.querySelector("form.theme").addEventListener("submit", (event) => {
  if (!event.submitter) return;
  event.preventDefault();
  const theme = event.submitter.value;
  document.documentElement.dataset.theme = theme;
  for (const button of event.target.querySelectorAll("button")) button.setAttribute("aria-pressed", String(button.value === theme));
  const body = new URLSearchParams(new FormData(event.target));
  body.set("theme", theme);
  fetch("/theme", { method: "POST", body, redirect: "manual" });
});

// A decision is sent once.
document.addEventListener("submit", (event) => {
  if (!event.target.matches("form.decide")) return;
  if (event.target.dataset.sent) event.preventDefault();
  event.target.dataset.sent = "yes";
});

// g then o, i, m, a, l goes to a page; / and text fields are left alone.
const places = { o: "/", i: "/incidents", m: "/models", a: "/approvals", l: "/audit" };
let going = 0;
document.addEventListener("keydown", (event) => {
  if (event.target.matches("input, textarea, select") || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "g") going = Date.now();
  else if (Date.now() - going < 1200 && places[event.key] && document.querySelector(`#nav a[href="${places[event.key]}"]`)) location.assign(places[event.key]);
});

tell();
turn();
