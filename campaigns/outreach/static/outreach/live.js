"use strict";
// Replaces the live part of a run's page by what the server sends, and connects again after a cut until the run has ended.
(() => {
    const part = document.getElementById("live");
    if (!part || !part.dataset.live) return;
    const address = new URL(part.dataset.live, window.location.href);
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    let pause = 1000;
    const connect = () => {
        const socket = new WebSocket(address);
        socket.onmessage = (event) => {
            pause = 1000;
            const focused = part.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
            part.innerHTML = event.data;
            if (focused) [...part.querySelectorAll("a")].find((link) => link.getAttribute("href") === focused)?.focus();
        };
        socket.onclose = (event) => {
            if (event.code === 1000) window.location.reload();
            else if (event.code !== 4403) setTimeout(connect, (pause = Math.min(pause * 2, 30000)));
        };
    };
    connect();
})();
