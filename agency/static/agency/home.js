"use strict";
// Parts of the home page that move are asked for again while somebody looks.
for (const part of document.querySelectorAll("[data-part]")) {
    const refresh = async () => {
        if (document.hidden) return;
        try {
            const answer = await fetch(part.dataset.part, { redirect: "error" });
            if (!answer.ok) return;
            const focused = part.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
            const text = await answer.text();
            if (part.innerHTML !== text) part.innerHTML = text;
            if (focused) [...part.querySelectorAll("a")].find((link) => link.getAttribute("href") === focused)?.focus();
        } catch {
            // The next look may succeed; what stands there is a few seconds old.
        }
    };
    setInterval(refresh, Number(part.dataset.every) * 1000);
    if (part.dataset.now) refresh();
}
