"use strict";
const gone = document.getElementById("gone");
const live = document.getElementById("live");
const faults = document.getElementById("faults");
if (matchMedia("(max-width: 56rem)").matches && !document.querySelector(".problem")) faults.open = false;
function localTimes() {
    for (const time of live.querySelectorAll("time")) time.title = new Date(time.dateTime).toLocaleString(document.documentElement.lang);
}
function opened() {
    return new Set([...live.querySelectorAll("details[open]")].map((each) => each.dataset.address));
}
async function refresh() {
    const busy = live.querySelector("input:focus") || [...live.querySelectorAll(".say input[name=text]")].some((each) => each.value);
    if (document.hidden || busy || String(getSelection())) return;
    try {
        const answer = await fetch(live.dataset.url, {headers: {"accept-language": document.documentElement.lang}});
        if (!answer.ok) return;
        gone.hidden = true;
        const open = opened();
        const focused = document.activeElement?.closest?.("#live details")?.dataset.address;
        live.innerHTML = await answer.text();
        for (const each of live.querySelectorAll("details")) {
            if (open.has(each.dataset.address)) each.open = true;
            if (each.dataset.address === focused) each.querySelector("summary").focus({preventScroll: true});
        }
        localTimes();
    } catch {
        gone.hidden = false;
    }
}
addEventListener("keydown", (event) => {
    if (event.key === "/" && !event.target.closest("input, select, textarea")) {
        event.preventDefault();
        document.getElementById("q").focus();
    }
});
localTimes();
setInterval(refresh, 2000);
