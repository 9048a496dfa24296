"use strict";
const gone = document.getElementById("gone");
const live = document.getElementById("live");
const faults = document.getElementById("faults");
if (matchMedia("(max-width: 56rem)").matches && !document.querySelector(".problem")) faults.open = false;
function localTimes() {
    for (const time of live.querySelectorAll("time")) time.title = new Date(time.dateTime).toLocaleString(document.documentElement.lang);
}
function opened() {
    return [...live.querySelectorAll("details[open]")].map((each) => each.dataset.address).join(",");
}
async function refresh() {
    const busy = live.querySelector("input:focus") || [...live.querySelectorAll(".say input[name=text]")].some((each) => each.value);
    if (document.hidden || busy || String(getSelection())) return;
    const asked = opened();
    try {
        const url = `${live.dataset.url}&open=${encodeURIComponent(asked)}`;
        const answer = await fetch(url, {headers: {"accept-language": document.documentElement.lang}});
        if (!answer.ok) return;
        const fresh = await answer.text();
        gone.hidden = true;
        if (opened() !== asked) return refresh();
        const focused = document.activeElement?.closest?.("#live details")?.dataset.address;
        live.innerHTML = fresh;
        for (const each of live.querySelectorAll("details")) {
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
live.addEventListener("toggle", (event) => {
    if (event.target.open && event.target.querySelector(".more")) refresh();
}, true);
localTimes();
setInterval(refresh, 2000);
