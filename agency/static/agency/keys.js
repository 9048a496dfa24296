"use strict";
// Keys on every page of the admin: "/" searches, "g" and a letter goes to a page, "?" shows them. Needs nothing but the browser.
(() => {
    const HELP = "/admin/home/keys/";
    const WAIT = 1500; // milliseconds between "g" and its letter
    let help = null;
    let gone = 0;

    const fetchHelp = async () => {
        if (help) return help;
        const answer = await fetch(HELP, { redirect: "error" });
        if (!answer.ok) throw new Error(answer.statusText);
        const holder = document.createElement("div");
        holder.innerHTML = await answer.text();
        help = holder.querySelector("dialog");
        document.body.append(help);
        return help;
    };
    const typing = (event) => {
        const place = event.target;
        return place instanceof HTMLElement && (place.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(place.tagName));
    };
    const searchBox = () => {
        for (const selector of ["#searchbar", "main input[type=search]", "#content input[type=search]", "#nav-filter"]) {
            const box = [...document.querySelectorAll(selector)].find((one) => one.checkVisibility());
            if (box) return box;
        }
        return null;
    };

    document.addEventListener("keydown", async (event) => {
        if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || typing(event)) return;
        const going = Date.now() - gone < WAIT;
        gone = 0;
        try {
            if (going) {
                const link = (await fetchHelp()).querySelector(`[data-go="${CSS.escape(event.key.toLowerCase())}"]`);
                if (link) window.location.assign(link.href);
            } else if (event.key === "/") {
                const box = searchBox();
                if (box) {
                    event.preventDefault();
                    box.focus();
                    box.select();
                }
            } else if (event.key === "g") {
                gone = Date.now();
                await fetchHelp();
            } else if (event.key === "?") {
                const dialog = await fetchHelp();
                if (!dialog.open) dialog.showModal();
            }
        } catch {
            help = null; // signed out, or no network: the keys are only a shortcut
        }
    });
})();
